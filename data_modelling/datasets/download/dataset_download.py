"""Downloads the published files of a data set into the folder from which other commands read them.

Files are downloaded into the subfolder `.download` of the data set's folder. A csv file is moved out of `.download`
when it has been checked. The folder of photos is moved out when all archives are extracted and no photo is missing.
`downloads.json` in the data set's folder records the address and the checksum of each file.
"""

import datetime as dt
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pooch

from data_modelling.datasets.download.archives import extract_photos
from data_modelling.datasets.download.file_download import PARTIAL_ENDING, fetch_file
from data_modelling.datasets.download.published_files import PublishedFiles, RemoteFile
from data_modelling.datasets.formats.photo_files import find_photos
from data_modelling.inference.errors import InputError
from data_modelling.inference.files.atomic_files import write_json

RECORD_FILE = "downloads.json"
PENDING_FOLDER = ".download"
EXTRACTED_ENDING = ".extracted"  # ending of the empty file that replaces an extracted archive
SPARE = 1_000_000_000  # bytes that must stay free
GIGABYTE = 1e9


def download_dataset(facts: PublishedFiles, root: Path, mirror: str, agree: Callable[[str], bool]) -> None:
    """Download, check and extract a data set into `root`/<its folder>; existing files are kept.

    mirror: the address of a server that has the files as <folder>/<name>; "" means the publisher's server. agree: a
    function that gets a sentence on licence and disk space, and returns whether to download.

    Raises InputError if the mirror is no address, the disk space is too small, or `agree` returns False. Raises it also
    if an existing csv is not the published one, photos are missing, or a download fails (see file_download, archives).
    """
    if mirror and not mirror.startswith(("http://", "https://")):
        raise InputError(f"A mirror is an address such as https://mirror.example.org/skin, not {mirror!r}.")
    folder = root / facts.folder
    photos, pending = folder / facts.photos_folder, folder / PENDING_FOLDER
    tables = [file for file in facts.tables if not _is_downloaded(file, folder / file.name)]
    archives = (
        [] if photos.is_dir() else [file for file in facts.archives if not _mark(pending, file).exists()]
    )
    if not tables and photos.is_dir():
        print(f"{facts.title} is in {folder} already.")
        return
    space = _space(facts, tables, archives, folder)
    if not agree(f"{facts.title} ({facts.licence}, {facts.page}) {space}."):
        raise InputError("Nothing was downloaded; add --yes to download without the question.")
    pending.mkdir(parents=True, exist_ok=True)
    for file in tables:
        _download_file(file, folder, facts, mirror).replace(folder / file.name)
    for file in archives:
        archive = _download_file(file, folder, facts, mirror)
        extract_photos(archive, pending / facts.photos_folder)
        _mark(pending, file).touch()
        archive.unlink()
    if not photos.is_dir():
        _refuse_missing_photos(facts, pending / facts.photos_folder)
        (pending / facts.photos_folder).rename(photos)
    shutil.rmtree(pending)
    print(f"{facts.title} is in {folder}.\nLicence: {facts.licence}. Please cite: {facts.citation}.")


def _mark(pending: Path, archive: RemoteFile) -> Path:
    return pending / (archive.name + EXTRACTED_ENDING)


def _is_downloaded(file: RemoteFile, path: Path) -> bool:
    """Return whether the csv exists. Raises InputError if its checksum differs: a user's own csv is not replaced."""
    algorithm, _, digits = (file.checksum or "").partition(":")
    if path.exists() and digits and pooch.file_hash(str(path), alg=algorithm) != digits:
        raise InputError(f"{path} is not the published file; move it away to download that file.")
    return path.exists()


def _space(facts: PublishedFiles, tables: list[RemoteFile], archives: list[RemoteFile], folder: Path) -> str:
    """Return the needed and the free disk space in words; raise InputError if there is too little.

    Archives are extracted and removed one by one. So only the largest needs its space twice: as an archive and as
    photos. The photos have about the size of their archive.
    """
    sizes = [file.size for file in archives]
    parts = (
        folder / PENDING_FOLDER / (file.name + ending) for file in archives for ending in ("", PARTIAL_ENDING)
    )
    downloaded = sum(path.stat().st_size for path in parts if path.exists())
    needed = sum(sizes) + max(sizes, default=0) + sum(file.size for file in tables) - downloaded
    free = shutil.disk_usage(next(path for path in (folder, *folder.parents) if path.exists())).free
    space = f"needs about {needed / GIGABYTE:.1f} GB in {folder}, which has {free / GIGABYTE:.1f} GB free"
    if needed + SPARE > free:
        raise InputError(
            f"{facts.title} {space} ({SPARE / GIGABYTE:.0f} GB must stay free); make room, or give "
            "another folder with --data-root."
        )
    return space


def _download_file(file: RemoteFile, folder: Path, facts: PublishedFiles, mirror: str) -> Path:
    """Download a file into the pending folder, check it and record it; return its path."""
    address = f"{mirror.rstrip('/')}/{facts.folder}/{file.name}" if mirror else file.address
    record = _read_record(folder / RECORD_FILE)
    expected = file.checksum or record.get(file.name, {}).get("checksum")
    path = fetch_file(file, folder / PENDING_FOLDER, address, expected)
    checksum = expected or f"sha256:{pooch.file_hash(str(path))}"
    if expected is None:
        print(
            f"No checksum of {file.name} is published: {checksum} is noted in {folder / RECORD_FILE} and compared "
            "with later downloads."
        )
    record[file.name] = {
        "address": address,
        "size": file.size,
        "checksum": checksum,
        "from": "published" if file.checksum else "first download",
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
    }
    write_json(folder / RECORD_FILE, record)
    return path


def _read_record(path: Path) -> dict[str, dict[str, Any]]:
    try:
        record: dict[str, dict[str, Any]] = json.loads(path.read_text()) if path.exists() else {}
    except ValueError as error:
        raise InputError(f"{path} is not a JSON file ({error}); remove it.") from error
    return record


def _refuse_missing_photos(facts: PublishedFiles, folder: Path) -> None:
    count = len(find_photos([folder])[0]) if folder.is_dir() else 0
    if count != facts.photos:
        raise InputError(
            f"The archives of {facts.title} held {count:,} photos, but {facts.photos:,} are published; remove "
            f"{folder.parent} and run the command again."
        )
