"""Formats of microscopes and scanners that are not read here, and what converts them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["foreign"]

_CONVERT = (
    "convert it to OME-TIFF, with bioformats2raw and raw2ometiff or in QuPath with "
    "File > Export images > OME-TIFF"
)
_VENDOR = "export it as SVS, TIFF or DICOM in the program of the scanner"


@dataclass(frozen=True)
class _Format:
    name: str
    endings: tuple[str, ...]
    start: bytes = b""
    advice: str = _CONVERT


# Told by their first bytes where these say it, else by their ending. Containers that hold many
# formats have no ending here.
_FORMATS = (
    _Format("Leica LIF", (".lif", ".lifext"), b"\x70\0\0\0"),
    _Format("Leica LOF", (".lof", ".xlif", ".xlef", ".xllf")),
    _Format("Nikon ND2", (".nd2",), b"\xda\xce\xbe\x0a"),
    _Format("Olympus cellSens VSI", (".vsi", ".ets"), b"SIS\0"),
    _Format("Olympus FluoView", (".oib", ".oif", ".oir", ".poir")),
    _Format("Zeiss CZI", (".czi",), b"ZISRAWFILE"),
    _Format("Zeiss ZVI", (".zvi",)),
    _Format("Imaris", (".ims",)),
    _Format("DeltaVision", (".dv", ".r3d")),
    _Format("MetaMorph", (".nd", ".stk")),
    _Format("SlideBook", (".sld", ".sldy")),
    _Format("Philips iSyntax", (".isyntax", ".i2syntax"), advice=_VENDOR),
    _Format("KFBio", (".kfb", ".kfbf"), advice=_VENDOR),
    _Format("Teksqray SDPC", (".sdpc", ".dyqx", ".tmap", ".tron"), advice=_VENDOR),
    _Format("Motic", (".mds", ".mdsx"), advice=_VENDOR),
    _Format("Aperio fluorescence", (".afi",)),
    _Format("Hamamatsu slide list", (".ndpis",), advice="give the NDPI files that it lists"),
    _Format(
        "3DHISTECH MIRAX",
        (".mrxs",),
        advice="put the folder of the same name, with Slidedat.ini and the data, beside it",
    ),
    _Format("HDF5", (), b"\x89HDF\r\n\x1a\n"),
    _Format("OLE (Olympus OIB, Zeiss ZVI)", (), b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
    _Format("ZIP", (".zip", ".ozx"), b"PK\x03\x04", "unpack it and open what is in it"),
    _Format("PDF", (".pdf",), b"%PDF", "export the image in it as PNG or TIFF"),
)  # fmt: skip


def foreign(path: Path) -> str | None:
    """Say what a file of a format that is not read here is, and what to do.

    Parameters
    ----------
    path
        A file that nothing has opened, or that is not what it seems to be.

    Returns
    -------
    str or None
        The end of a sentence ("is a file of the format Nikon ND2, which …"); None for what is
        not known.
    """
    with path.open("rb") as file:
        head = file.read(16)
    ending = path.suffix.lower()
    by_ending = next((f for f in _FORMATS if ending in f.endings), None)
    by_start = next((f for f in _FORMATS if f.start and head.startswith(f.start)), None)
    known = by_start if by_start and by_start.endings else by_ending or by_start
    if known is None:
        return None
    return f"is a file of the format {known.name}, which cannot be read as it is: {known.advice}."
