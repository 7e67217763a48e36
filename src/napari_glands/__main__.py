"""``python -m napari_glands``: the command line."""

from napari_glands.cli import main

if __name__ == "__main__":
    main()
