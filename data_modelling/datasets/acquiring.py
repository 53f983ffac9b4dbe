"""From the published files of a data set to the folder that its loader reads.

Everything arrives in the subfolder `.download` of the data set's folder and is moved out when it is whole:
a csv when its checksum is right, the folder of photos when all archives are extracted and no photo is missing.
`downloads.json` beside them keeps what was taken from where, with its checksum.
"""

import datetime as dt
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pooch

from data_modelling.datasets.archives import extract_photos
from data_modelling.datasets.facts import Facts, RemoteFile
from data_modelling.datasets.photo_files import photos_in
from data_modelling.datasets.transfer import PART, fetch
from data_modelling.inference.errors import InputError
from data_modelling.inference.files import replaced_when_whole

RECORD = "downloads.json"
ARRIVING = ".download"
EXTRACTED = "extracted"  # key of the record: the archive's photos are out, the archive is removed
SPARE = 1_000_000_000  # bytes that are to stay free
GIGABYTE = 1e9

Agree = Callable[[str], bool]


def acquire(facts: Facts, root: Path, mirror: str, agree: Agree) -> None:
    """Download, check and extract a data set into `root`/<its folder>; what is there already is left alone.

    mirror: an address that has the files under <folder>/<name>; "" takes them from where they are published.
    agree: asked with a sentence on the disk space before anything is downloaded.

    Raises InputError when the space does not do, the answer is no, a csv of another content is in the way, or
    a file cannot be had as published (see datasets.transfer and datasets.archives).
    """
    if mirror and not mirror.startswith(("http://", "https://")):
        raise InputError(f"A mirror is an address such as https://mirror.example.org/skin, not {mirror!r}.")
    folder = root / facts.folder
    photos = folder / facts.photos_folder
    tables = [file for file in facts.tables if not _in_place(file, folder)]
    arriving = folder / ARRIVING
    extracting = arriving / facts.photos_folder
    extracted = _extracted(folder) if extracting.is_dir() else set()
    archives = [] if photos.is_dir() else [file for file in facts.archives if file.name not in extracted]
    if not tables and photos.is_dir():
        print(f"{facts.title} is in {folder} already.")
        return
    _ask_for_space(facts, tables, archives, folder, agree)
    arriving.mkdir(parents=True, exist_ok=True)
    if not extracting.is_dir():
        _forget_extracted(folder)
    for file in tables:
        _fetched(file, folder, facts, mirror).replace(folder / file.name)
    for file in archives:
        archive = _fetched(file, folder, facts, mirror)
        extract_photos(archive, extracting)
        _note(folder, file.name, {EXTRACTED: True})
        archive.unlink()
    if not photos.is_dir():
        _refuse_missing_photos(facts, extracting)
        extracting.rename(photos)
    shutil.rmtree(arriving)
    print(f"{facts.title} is in {folder}.\nLicence: {facts.licence}. Please cite: {facts.citation}.")


def _in_place(file: RemoteFile, folder: Path) -> bool:
    """Whether a csv is there as published; a different one is the user's own and never replaced."""
    path = folder / file.name
    if not path.exists():
        return False
    if file.checksum is not None and not _matches(path, file.checksum):
        raise InputError(f"{path} is there, but is not the published file; move it away to download that.")
    return True


def _matches(path: Path, checksum: str) -> bool:
    algorithm, _, digits = checksum.partition(":")
    return bool(pooch.file_hash(str(path), alg=algorithm) == digits)


def _ask_for_space(
    facts: Facts, tables: list[RemoteFile], archives: list[RemoteFile], folder: Path, agree: Agree
) -> None:
    """The archives are extracted and removed one after the other; photos hardly shrink in a zip."""
    sizes = [file.size for file in archives]
    here = (folder / ARRIVING / (file.name + ending) for file in archives for ending in ("", PART))
    arrived = sum(path.stat().st_size for path in here if path.exists())
    needed = sum(sizes) + max(sizes, default=0) + sum(file.size for file in tables) - arrived
    place = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(place).free
    told = f"needs about {needed / GIGABYTE:.1f} GB in {folder}, which has {free / GIGABYTE:.1f} GB free"
    if needed + SPARE > free:
        raise InputError(
            f"{facts.title} {told} ({SPARE / GIGABYTE:.0f} GB is to stay so); make room, or name another "
            "place with --data-root."
        )
    if not agree(f"{facts.title} ({facts.licence}, {facts.page}) {told}."):
        raise InputError("Nothing was downloaded; add --yes to download without the question.")


def _fetched(file: RemoteFile, folder: Path, facts: Facts, mirror: str) -> Path:
    """The file in the arriving folder, checked, and noted in the record."""
    address = f"{mirror.rstrip('/')}/{facts.folder}/{file.name}" if mirror else file.address
    noted = _record(folder).get(file.name, {}).get("checksum")
    path = fetch(file, folder / ARRIVING, address, file.checksum or noted)
    checksum = file.checksum or noted or f"sha256:{pooch.file_hash(str(path))}"
    if file.checksum is None and noted is None:
        print(
            f"No checksum of {file.name} is published: {checksum} is noted in {folder / RECORD} and held "
            "against later downloads."
        )
    source = "published" if file.checksum else "first download"
    today = dt.datetime.now(dt.UTC).date().isoformat()
    facts_of_file = {"address": address, "size": file.size, "checksum": checksum, "from": source}
    _note(folder, file.name, facts_of_file | {"date": today})
    return path


def _extracted(folder: Path) -> set[str]:
    """Names of the archives whose photos are out."""
    return {name for name, noted in _record(folder).items() if noted.get(EXTRACTED)}


def _forget_extracted(folder: Path) -> None:
    """The record outlives the photos: those of an earlier download may have been removed since."""
    for name in _extracted(folder):
        _note(folder, name, {EXTRACTED: False})


def _record(folder: Path) -> dict[str, dict[str, Any]]:
    path = folder / RECORD
    try:
        found: dict[str, dict[str, Any]] = json.loads(path.read_text()) if path.exists() else {}
    except ValueError as error:
        raise InputError(f"{path} is no JSON ({error}); remove it.") from error
    return found


def _note(folder: Path, name: str, values: dict[str, Any]) -> None:
    record = _record(folder)
    record[name] = record.get(name, {}) | values
    with replaced_when_whole(folder / RECORD) as temporary:
        temporary.write_text(json.dumps(record, indent=1) + "\n")


def _refuse_missing_photos(facts: Facts, folder: Path) -> None:
    found = len(photos_in([folder])[0]) if folder.is_dir() else 0
    if found != facts.photos:
        raise InputError(
            f"The archives of {facts.title} held {found:,} photos where {facts.photos:,} are published; remove "
            f"{folder.parent} and run the command again."
        )
