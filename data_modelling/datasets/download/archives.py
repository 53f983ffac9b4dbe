"""Extracts zip archives of photos; a photo is written completely or not at all, and never outside the target folder."""

import shutil
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from tqdm import tqdm

from data_modelling.datasets.formats.photo_files import ENDINGS
from data_modelling.inference.errors import InputError
from data_modelling.inference.files.atomic_files import atomic_write


def extract_photos(archive: Path, folder: Path) -> None:
    """Extract all photos of a zip archive, also those in its subfolders, into `folder`.

    Existing photos of the right size are skipped, so that a stopped extraction can be resumed. The CRC-32 of every
    extracted photo is checked. Other files of the archive are not extracted. Raises InputError if the archive cannot be
    read, has a path that leads out of `folder`, or has two photos with the same name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with zipfile.ZipFile(archive) as members:
            for member, name in tqdm(_photos(archive, members), f"extract {archive.name}", unit=" photos"):
                target = folder / name
                if target.exists() and target.stat().st_size == member.file_size:
                    continue
                with (
                    atomic_write(target) as temporary,
                    members.open(member) as source,
                    temporary.open("wb") as copy,
                ):
                    shutil.copyfileobj(source, copy)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise InputError(f"{archive} cannot be read ({error}); remove it and start again.") from error


def _photos(archive: Path, members: zipfile.ZipFile) -> list[tuple[zipfile.ZipInfo, str]]:
    """Return the members that are photos, with their file names."""
    photos: dict[str, zipfile.ZipInfo] = {}
    for member in members.infolist():
        path = PurePosixPath(member.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
            raise InputError(
                f"{archive} has the path {member.filename}, which leads out of the target folder; do not use it."
            )
        if member.is_dir() or path.suffix.lower() not in ENDINGS or path.name.startswith("."):
            continue
        if path.name in photos:
            raise InputError(f"{archive} has two photos named {path.name}; do not use this archive.")
        photos[path.name] = member
    return [(member, name) for name, member in photos.items()]
