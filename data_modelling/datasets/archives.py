"""Zip archives of photos: extracted photo by photo, each whole or not there, none outside its folder."""

import shutil
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from tqdm import tqdm

from data_modelling.datasets.photo_files import ENDINGS
from data_modelling.inference.errors import InputError
from data_modelling.inference.files import replaced_when_whole


def extract_photos(archive: Path, folder: Path) -> None:
    """Extract the photos of a zip archive into `folder`, whatever subfolder of the archive they lie in.

    Photos that are there already with the right size are left, so that an extraction may be gone on with.
    The CRC-32 of every photo is checked. Other files of the archive stay in it.

    Raises InputError when the archive is damaged, or names a member outside itself or two photos alike.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with zipfile.ZipFile(archive) as opened:
            for member, name in tqdm(_photos(archive, opened), f"extract {archive.name}", unit=" photos"):
                target = folder / name
                if target.exists() and target.stat().st_size == member.file_size:
                    continue
                with (
                    replaced_when_whole(target) as temporary,
                    opened.open(member) as source,
                    temporary.open("wb") as written,
                ):
                    shutil.copyfileobj(source, written)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise InputError(
            f"{archive} is damaged ({error}); remove it and run the command again to get it anew."
        ) from error


def _photos(archive: Path, opened: zipfile.ZipFile) -> list[tuple[zipfile.ZipInfo, str]]:
    """Members that are photos, with their file names."""
    photos: dict[str, zipfile.ZipInfo] = {}
    for member in opened.infolist():
        path = PurePosixPath(member.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
            raise InputError(
                f"{archive} has a member outside itself ({member.filename}); do not use this archive."
            )
        if member.is_dir() or path.suffix.lower() not in ENDINGS or path.name.startswith("."):
            continue
        if path.name in photos:
            raise InputError(f"{archive} has two photos {path.name}; do not use this archive.")
        photos[path.name] = member
    return [(member, name) for name, member in photos.items()]
