"""Lists the photo files of a data set and checks which of them can be opened."""

import os
from collections.abc import Container, Iterable
from pathlib import Path

from PIL import Image

from data_modelling.datasets.formats import stored_photo
from data_modelling.inference.errors import DAMAGED_FILE_ERRORS, PhotoError
from data_modelling.inference.files.csv_table import normalize_image_id
from data_modelling.inference.photo.dicom import is_dicom
from data_modelling.inference.photo.reader import ENDINGS, FORMATS, square_edge

# Endings of pictures that are not read. DICOM files without an ending are not read either; see `_is_unread_picture`.
UNREAD_ENDINGS = frozenset(
    (".bmp", ".gif", ".tif", ".tiff", ".heic", ".heif", ".avif", ".jfif", ".jpe")
) | frozenset((".jp2", ".jxl", ".psd", ".arw", ".cr2", ".cr3", ".dng", ".nef", ".orf", ".raw", ".rw2"))
DICOM_START = 132  # number of bytes up to the end of the letters DICM, which mark a DICOM file
NO_PHOTO_FOLDERS = ("__MACOSX",)  # macOS adds this folder to archives


def find_photos(folders: Iterable[Path]) -> tuple[dict[str, str], list[str]]:
    """Return the path of each photo by its id, and the ids that occur twice (the first file counts).

    The id is the name without ending; see inference.files.csv_table.normalize_image_id. Hidden files and files
    without a photo's ending do not count; macOS leaves hidden `._` files beside photos. If a folder has no photos, its
    subfolders are read. Unpacked archives often have their photos in a second folder of the same name.
    """
    photos: dict[str, str] = {}
    twice: list[str] = []
    for folder in folders:
        for path in _photos_or_those_below(folder):
            image_id = photo_id(path)
            if image_id in photos:
                twice.append(image_id)
            else:
                photos[image_id] = path
    return photos, twice


def photo_id(path: str) -> str:
    """Return the id of a photo: its file name without ending."""
    return normalize_image_id(Path(path).stem)


def list_folder(folder: Path | str) -> tuple[list[str], list[str]]:
    """Return two sorted lists of paths, without hidden names: the photos in a folder, and its subfolders."""
    with os.scandir(folder) as entries:
        visible = sorted(
            (entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name
        )
        folders = [entry.path for entry in visible if entry.is_dir() and entry.name not in NO_PHOTO_FOLDERS]
        photos = [entry.path for entry in visible if os.path.splitext(entry.name)[1].lower() in ENDINGS]
    return [path for path in photos if path not in folders], folders


def list_unread_pictures(folder: Path | str) -> list[str]:
    """Return the sorted names of a folder's visible pictures that are not read because of their ending."""
    with os.scandir(folder) as entries:
        return sorted(
            entry.name
            for entry in entries
            if not entry.name.startswith(".") and entry.is_file() and _is_unread_picture(entry.path)
        )


def _is_unread_picture(path: str) -> bool:
    ending = os.path.splitext(path)[1].lower()
    if ending and not ending[1:].isdecimal():  # a DICOM file's name may be a number such as 1.2.840.1
        return ending in UNREAD_ENDINGS
    with Path(path).open("rb") as file:
        return is_dicom(file.read(DICOM_START))


def any_photo(folder: Path, image_ids: Container[str]) -> bool | None:
    """Return whether a folder or a subfolder has a photo with one of the ids, or None if there is no photo at all.

    A suffix after the id, such as `_segmentation` of a lesion outline, is ignored.
    """
    has_photos = False
    for place, folders, names in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in NO_PHOTO_FOLDERS]
        photos = [name for name in names if os.path.splitext(name)[1].lower() in ENDINGS and name[0] != "."]
        has_photos = has_photos or bool(photos)
        for image_id in (photo_id(os.path.join(place, name)) for name in photos):
            if image_id in image_ids or image_id.rpartition("_")[0] in image_ids:
                return True
    return False if has_photos else None


def _photos_or_those_below(folder: Path | str) -> list[str]:
    photos, folders = list_folder(folder)
    return photos or [path for below in folders for path in _photos_or_those_below(below)]


def is_readable_photo(path: str) -> bool:
    """Return whether the file has the header of a JPEG, PNG, WebP or DICOM photo; its pixels are not decoded.

    path: the path of the photo in the table (see datasets.formats.stored_photo).
    """
    try:
        with Image.open(stored_photo.path_or_buffer(path), formats=FORMATS):
            return True
    except DAMAGED_FILE_ERRORS:
        return _is_dicom_photo(path)


def _is_dicom_photo(path: str) -> bool:
    try:
        data = stored_photo.read_bytes(path)
        return is_dicom(data) and square_edge(data) > 0
    except (PhotoError, OSError):
        return False
