"""Downloads the published files of a data set into the folder that its loader reads.

Files are downloaded into the subfolder `.download` of the data set's folder. A csv is moved out when its checksum is
right, the folder of photos when all archives are extracted and no photo is missing. `downloads.json` beside them
records the address and the checksum of each file.
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
from data_modelling.inference.files.atomic_files import atomic_write

RECORD_FILE = "downloads.json"
PENDING_FOLDER = ".download"
EXTRACTED_KEY = "extracted"  # key of the record: the archive is extracted and removed
SPARE = 1_000_000_000  # bytes that must stay free
GIGABYTE = 1e9

Confirmation = Callable[[str], bool]


def download_dataset(facts: PublishedFiles, root: Path, mirror: str, agree: Confirmation) -> None:
    """Download, check and extract a data set into `root`/<its folder>; existing files are kept.

    mirror: an address that has the files under <folder>/<name>; "" means the publisher's. agree: called with a sentence
    on the disk space before anything is downloaded.

    Raises InputError if the disk space is too small, the answer is no, a csv with other content exists, or a file
    cannot be downloaded as published (see datasets.download.file_download and datasets.download.archives).
    """
    if mirror and not mirror.startswith(("http://", "https://")):
        raise InputError(f"A mirror is an address such as https://mirror.example.org/skin, not {mirror!r}.")
    folder = root / facts.folder
    photos = folder / facts.photos_folder
    tables = [file for file in facts.tables if not _is_downloaded(file, folder)]
    pending = folder / PENDING_FOLDER
    pending_photos = pending / facts.photos_folder
    extracted = _extracted_archives(folder) if pending_photos.is_dir() else set()
    archives = [] if photos.is_dir() else [file for file in facts.archives if file.name not in extracted]
    if not tables and photos.is_dir():
        print(f"{facts.title} is in {folder} already.")
        return
    _ask_for_space(facts, tables, archives, folder, agree)
    pending.mkdir(parents=True, exist_ok=True)
    if not pending_photos.is_dir():  # the photos of an earlier download may have been removed since
        for name in _extracted_archives(folder):
            _update_record(folder, name, {EXTRACTED_KEY: False})
    for file in tables:
        _download_file(file, folder, facts, mirror).replace(folder / file.name)
    for file in archives:
        archive = _download_file(file, folder, facts, mirror)
        extract_photos(archive, pending_photos)
        _update_record(folder, file.name, {EXTRACTED_KEY: True})
        archive.unlink()
    if not photos.is_dir():
        _refuse_missing_photos(facts, pending_photos)
        pending_photos.rename(photos)
    shutil.rmtree(pending)
    print(f"{facts.title} is in {folder}.\nLicence: {facts.licence}. Please cite: {facts.citation}.")


def _is_downloaded(file: RemoteFile, folder: Path) -> bool:
    """Return whether the published csv exists; InputError for another file: it is the user's and never replaced."""
    path = folder / file.name
    if not path.exists():
        return False
    algorithm, _, digits = (file.checksum or "").partition(":")
    if digits and pooch.file_hash(str(path), alg=algorithm) != digits:
        raise InputError(f"{path} is not the published file; move it away to download that file.")
    return True


def _ask_for_space(
    facts: PublishedFiles,
    tables: list[RemoteFile],
    archives: list[RemoteFile],
    folder: Path,
    agree: Confirmation,
) -> None:
    """Check the disk space and ask for consent; raise InputError if either fails.

    The archives are extracted and removed one after the other; zip hardly compresses photos.
    """
    sizes = [file.size for file in archives]
    parts = (
        folder / PENDING_FOLDER / (file.name + ending) for file in archives for ending in ("", PARTIAL_ENDING)
    )
    downloaded = sum(path.stat().st_size for path in parts if path.exists())
    needed = sum(sizes) + max(sizes, default=0) + sum(file.size for file in tables) - downloaded
    existing_folder = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(existing_folder).free
    space = f"needs about {needed / GIGABYTE:.1f} GB in {folder}, which has {free / GIGABYTE:.1f} GB free"
    if needed + SPARE > free:
        raise InputError(
            f"{facts.title} {space} ({SPARE / GIGABYTE:.0f} GB must stay free); make room, or give "
            "another folder with --data-root."
        )
    if not agree(f"{facts.title} ({facts.licence}, {facts.page}) {space}."):
        raise InputError("Nothing was downloaded; add --yes to download without the question.")


def _download_file(file: RemoteFile, folder: Path, facts: PublishedFiles, mirror: str) -> Path:
    """Download a file into the pending folder, check it and record it; return its path."""
    address = f"{mirror.rstrip('/')}/{facts.folder}/{file.name}" if mirror else file.address
    recorded = _read_record(folder).get(file.name, {}).get("checksum")
    path = fetch_file(file, folder / PENDING_FOLDER, address, file.checksum or recorded)
    checksum = file.checksum or recorded or f"sha256:{pooch.file_hash(str(path))}"
    if file.checksum is None and recorded is None:
        print(
            f"No checksum of {file.name} is published: {checksum} is noted in {folder / RECORD_FILE} and held "
            "against later downloads."
        )
    source = "published" if file.checksum else "first download"
    today = dt.datetime.now(dt.UTC).date().isoformat()
    facts_of_file = {"address": address, "size": file.size, "checksum": checksum, "from": source}
    _update_record(folder, file.name, facts_of_file | {"date": today})
    return path


def _extracted_archives(folder: Path) -> set[str]:
    """Return the names of the archives that are extracted."""
    return {name for name, entry in _read_record(folder).items() if entry.get(EXTRACTED_KEY)}


def _read_record(folder: Path) -> dict[str, dict[str, Any]]:
    path = folder / RECORD_FILE
    try:
        record: dict[str, dict[str, Any]] = json.loads(path.read_text()) if path.exists() else {}
    except ValueError as error:
        raise InputError(f"{path} is no JSON ({error}); remove it.") from error
    return record


def _update_record(folder: Path, name: str, values: dict[str, Any]) -> None:
    record = _read_record(folder)
    record[name] = record.get(name, {}) | values
    with atomic_write(folder / RECORD_FILE) as temporary:
        temporary.write_text(json.dumps(record, indent=1) + "\n")


def _refuse_missing_photos(facts: PublishedFiles, folder: Path) -> None:
    count = len(find_photos([folder])[0]) if folder.is_dir() else 0
    if count != facts.photos:
        raise InputError(
            f"The archives of {facts.title} held {count:,} photos where {facts.photos:,} are published; remove "
            f"{folder.parent} and run the command again."
        )
