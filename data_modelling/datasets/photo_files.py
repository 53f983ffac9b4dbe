"""The photo files of a data set: which there are, and which cannot be opened."""

import os
from collections.abc import Iterable
from pathlib import Path

from PIL import Image

from data_modelling.datasets import stored
from data_modelling.inference.dicom import is_dicom
from data_modelling.inference.errors import BROKEN, PhotoError
from data_modelling.inference.photos import ENDINGS, FORMATS, square_side


def photos_in(folders: Iterable[Path]) -> tuple[dict[str, str], list[str]]:
    """Path of each photo by its name without ending, and the names that occur twice (the first one counts).

    Files with other endings and hidden ones (macOS leaves `._` files beside photos) are no photos.
    """
    photos: dict[str, str] = {}
    twice: list[str] = []
    for folder in folders:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries)
        for name in names:
            stem, ending = os.path.splitext(name)
            if ending.lower() not in ENDINGS or name.startswith("."):
                continue
            if stem in photos:
                twice.append(stem)
            else:
                photos[stem] = os.path.join(folder, name)
    return photos, twice


def opens(path: str) -> bool:
    """Whether the photo's header is that of a JPEG, PNG, WebP or DICOM photo; its pixels are not decoded.

    path: as the table has it (see datasets.stored).
    """
    try:
        with Image.open(stored.readable(path), formats=FORMATS):
            return True
    except BROKEN:
        return _is_dicom_photo(path)


def _is_dicom_photo(path: str) -> bool:
    try:
        data = stored.read_bytes(path)
        return is_dicom(data) and square_side(data) > 0
    except (PhotoError, OSError):
        return False
