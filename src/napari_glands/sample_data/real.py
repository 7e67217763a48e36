"""Real data sets that may be fetched, under their own terms; none of them is bundled."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import platformdirs
import pooch

from napari_glands.errors import GlandsError

__all__ = ["REAL_DATA_SETS", "RealDataSet", "fetch_data_set"]


@dataclass(frozen=True)
class RealDataSet:
    """A public data set of gland images.

    Attributes
    ----------
    name
        What `fetch_data_set` knows it by.
    title
        Full name.
    page
        Web page of its authors.
    url
        Direct link to the archive, or None where the authors' page must be visited.
    file_name
        Name of the archive on disk.
    known_hash
        Checksum as pooch takes it, or None where none is published.
    mpp
        µm per pixel.
    licence
        The terms, in the authors' words where there are any.
    citation
        What to cite.
    """

    name: str
    title: str
    page: str
    url: str | None
    file_name: str
    known_hash: str | None
    mpp: float
    licence: str
    citation: str


REAL_DATA_SETS: dict[str, RealDataSet] = {
    "glas": RealDataSet(
        name="glas",
        title="GlaS (Warwick-QU), 165 H&E images of colon glands with instance masks",
        page="https://warwick.ac.uk/fac/cross_fac/tia/data/glascontest/",
        url=(
            "https://warwick.ac.uk/fac/cross_fac/tia/data/glascontest/download/"
            "warwick_qu_dataset_released_2016_07_08.zip"
        ),
        file_name="warwick_qu_dataset_released_2016_07_08.zip",
        # Not published by the authors: the checksum that independent loaders of this archive use.
        known_hash="md5:495b2a9f3d694545fbec06673fb3f40f",
        mpp=0.62005,
        licence=(
            "The dataset used in this competition is provided for research purposes only. "
            "Commercial uses are not allowed. Published work must cite both papers."
        ),
        citation=(
            "Sirinukunwattana et al., Gland Segmentation in Colon Histology Images: The GlaS "
            "Challenge Contest, Medical Image Analysis 35 (2017), doi:10.1016/j.media.2016.08.008; "
            "Sirinukunwattana, Snead, Rajpoot, A Stochastic Polygons Model for Glandular "
            "Structures in Colon Histology Images, IEEE Transactions on Medical Imaging 34 "
            "(2015), doi:10.1109/TMI.2015.2433900"
        ),
    ),
    "crag": RealDataSet(
        name="crag",
        title="CRAG (v2), 213 H&E tiles of colorectal adenocarcinoma glands with instance masks",
        page="https://warwick.ac.uk/fac/cross_fac/tia/data/mildnet/",
        url=None,
        file_name="crag_v2.zip",
        known_hash=None,
        mpp=0.5,  # 20x as stated with the data; the pixel size itself is not stated
        licence=(
            "The archive states no licence beyond: published work must cite the MILD-Net paper. "
            "Read the terms on the authors' page; without other permission, take it for research "
            "use only."
        ),
        citation=(
            "Graham et al., MILD-Net: Minimal information loss dilated network for gland instance "
            "segmentation in colon histology images, Medical Image Analysis 52 (2019), "
            "doi:10.1016/j.media.2018.12.001"
        ),
    ),
}
"""The real data sets by name."""


def fetch_data_set(
    name: str, folder: str | Path | None = None, *, accept_licence: bool = False
) -> Path:
    """Download and unpack a real data set, once.

    Parameters
    ----------
    name
        A key of `REAL_DATA_SETS`.
    folder
        Where to put it; None takes the user's cache folder.
    accept_licence
        Whether you have read the data set's terms and agree to them.

    Returns
    -------
    Path of the folder with the unpacked files.

    Raises
    ------
    GlandsError
        When there is no such data set, its terms are not accepted, it can only be had by hand,
        or the download fails.
    """
    data_set = REAL_DATA_SETS.get(name.lower())
    if data_set is None:
        raise GlandsError(
            f"There is no data set {name!r}: choose one of {', '.join(REAL_DATA_SETS)}."
        )
    if not accept_licence:
        raise GlandsError(
            f"{data_set.title} has terms of its own: {data_set.licence} Cite: "
            f"{data_set.citation}. See {data_set.page}. Accept them to download it "
            "(accept_licence=True)."
        )
    if data_set.url is None:
        raise GlandsError(
            f"{data_set.title} has no direct link: download it from {data_set.page} and open the "
            "unpacked folder."
        )
    home = (
        Path(folder) if folder is not None else Path(platformdirs.user_cache_dir("napari-glands"))
    )
    return _download(data_set, data_set.url, home)


def _download(data_set: RealDataSet, url: str, home: Path) -> Path:
    if data_set.known_hash is None:
        print(f"No checksum is known for {url}: the download cannot be verified.")
    unpacked = home / data_set.name
    try:
        pooch.retrieve(
            url,
            known_hash=data_set.known_hash,
            fname=data_set.file_name,
            path=home,
            processor=pooch.Unzip(extract_dir=data_set.name),
        )
    except Exception as error:  # requests, urllib3, zipfile, OS: all end the same way
        raise GlandsError(
            f"Could not fetch {data_set.title} from {url}: {error}. Check the network connection, "
            f"or download it by hand from {data_set.page}."
        ) from error
    return unpacked
