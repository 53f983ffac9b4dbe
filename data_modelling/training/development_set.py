"""Loads and decodes the development set: all photos except the locked test, which is kept for the last evaluation."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import PIL
from numpy.typing import NDArray
from tqdm import tqdm

from data_modelling.datasets.extra_sets import companions
from data_modelling.datasets.formats import stored_photo
from data_modelling.datasets.formats.synthetic_lesions import write_synthetic_lesions
from data_modelling.datasets.registry import FORMATS, load_table
from data_modelling.datasets.splits.assignment import TEST, attach_parts, make_split, read_split, write_split
from data_modelling.datasets.splits.files import split_file
from data_modelling.datasets.splits.lesion_pairs import photos_to_leave
from data_modelling.datasets.table import DatasetReport, merge_reports, raise_if_strict
from data_modelling.inference.cpu_cores import usable_cores
from data_modelling.inference.errors import InputError, PhotoError
from data_modelling.inference.files.atomic_files import atomic_write, write_json
from data_modelling.inference.photo import reader
from data_modelling.settings import Settings


@dataclass(frozen=True)
class DataFolders:
    """Holds the folders that a run reads from.

    data_root: None means the folder in the environment variable DATA_ROOT, else DATA (see datasets.data_location).
    splits: the folder of the split files. strict: whether any problem in the data set is an error.
    """

    data_root: Path | None
    splits: Path
    strict: bool = False


@dataclass(frozen=True)
class DevelopmentSet:
    """Holds all photos of the recipe's data set outside the locked test, and photos of other data sets (extra sets).

    table: the photos of the recipe's own data set.
    pixels: (N, edge, edge, 3), first for the rows of `table`, then for the rows of `extra_table`.
    extra_table: the photos of extra sets. They train the network; the metrics of the recipe's data set leave them out.
    """

    table: pd.DataFrame
    pixels: NDArray[np.uint8]
    extra_table: pd.DataFrame | None = None

    def combined_table(self) -> pd.DataFrame:
        """Return the table, followed by the photos of the extra sets."""
        return (
            self.table
            if self.extra_table is None
            else pd.concat([self.table, self.extra_table], ignore_index=True)
        )

    def own_mask(self) -> NDArray[np.bool_]:
        """Return which rows of `combined_table` belong to the recipe's own data set, (N,)."""
        return np.arange(len(self.pixels)) < len(self.table)


def prepare_data_folders(settings: Settings, folders: DataFolders, work: Path) -> DataFolders:
    """Return `folders`. If the recipe has synthetic lesions, write these and a split to `work`; return their folder."""
    if not settings.generated_lesions:
        return folders
    generated = work / "generated"
    path = split_file(generated, settings.split)
    if not path.exists():
        write_synthetic_lesions(generated, settings.generated_lesions, settings.seed)
        table, _ = load_table(settings, generated, strict=True)
        write_split(path, make_split(table))
    return DataFolders(generated, generated, strict=True)


def load_development_set(
    settings: Settings, folders: DataFolders, work: Path
) -> tuple[DevelopmentSet, list[str]]:
    """Return the development set, and the skipped inputs as text.

    No photo of the locked test is decoded. work: the folder that gets the decoded photos.
    """
    table, report = load_table(settings, folders.data_root, folders.strict)
    parts = read_split(split_file(folders.splits, settings.split))
    report = _add_vanished_photos(settings, report, table, parts, folders.strict)
    table = attach_parts(table, parts)
    # If a lesion has photos in several parts of the splits, the photos of at most one part may train.
    extra_parts = [read_split(split_file(folders.splits, name)) for name in settings.more_photos]
    leaving = photos_to_leave(pd.concat([parts, *extra_parts], ignore_index=True).drop_duplicates("image_id"))
    trains = (table["part"] != TEST) & ~table["image_id"].isin(leaving)
    table = table[trains].reset_index(drop=True)
    if settings.generated_lesions:
        table["source"] = "generated lesions"
    extra_table, extra_left_out = companions(settings, table, folders.data_root, folders.splits)
    extra_table = extra_table[~extra_table["image_id"].isin(leaving)].reset_index(drop=True)
    photos = decode_photos(pd.concat([table, extra_table], ignore_index=True), settings.network.edge, work)
    left_out = [str(report)] * bool(report) + extra_left_out
    if leaving:
        left_out.append(
            f"photos left out because their lesion has photos in another part of a split: {len(leaving)}"
        )
    if photos.broken:
        reasons = "\n".join(f"{image_id}: {reason}" for image_id, reason in photos.broken.items())
        left_out.append(f"photos that cannot be decoded: {len(photos.broken)}\n{reasons}")
        if folders.strict:
            raise InputError(f"Correct these photos or leave out --strict:\n{reasons}")
    own_decoded, extra_decoded = (
        ~rows["image_id"].isin(list(photos.broken)).to_numpy() for rows in (table, extra_table)
    )
    decoded = np.concatenate([own_decoded, extra_decoded])
    pixels = photos.pixels if decoded.all() else photos.pixels[decoded]
    table = table[own_decoded].reset_index(drop=True)
    extra_table = extra_table[extra_decoded].reset_index(drop=True)
    return DevelopmentSet(table, pixels, extra_table if len(extra_table) else None), left_out


def _add_vanished_photos(
    settings: Settings, report: DatasetReport, table: pd.DataFrame, parts: pd.DataFrame, strict: bool
) -> DatasetReport:
    """Return the report, with the photos that the split lists but class folders or TFRecord shards no longer have.

    With `strict`, such a photo raises InputError. For a data set with its own csv, the report already names them.
    """
    if settings.dataset not in FORMATS:
        return report
    reported = {*table["image_id"], *report.rows_without_photo, *report.unreadable_photos}
    gone = tuple(sorted(set(parts["image_id"]) - reported))
    merged = merge_reports(report, DatasetReport(split_photos_gone=gone))
    raise_if_strict(merged, strict)
    return merged


@dataclass(frozen=True)
class DecodedPhotos:
    """Holds the decoded photos of a table.

    pixels: (N, edge, edge, 3) uint8, memory-mapped; 0 for a broken photo. broken: by image_id, why decoding failed.
    """

    pixels: NDArray[np.uint8]
    broken: dict[str, str]


def decode_photos(table: pd.DataFrame, edge: int, folder: Path) -> DecodedPhotos:
    """Return the decoded photos of a table, in its order, `edge` pixels wide and high; `folder` keeps them in a file.

    The photos are decoded again only if a path, a file's size or time of change, the edge, the reader's code, numpy or
    Pillow has changed. The function shows its progress. An interruption leaves no incomplete file.
    """
    pixels, note = folder / "photos.npy", folder / "photos.json"
    key = _key(table, edge)
    if not (pixels.exists() and note.exists() and json.loads(note.read_text())["key"] == key):
        note.unlink(missing_ok=True)
        broken = _decode(table, edge, pixels)
        write_json(note, {"key": key, "broken": broken})
    return DecodedPhotos(np.load(pixels, mmap_mode="r"), json.loads(note.read_text())["broken"])


def _key(table: pd.DataFrame, edge: int) -> str:
    """Return a hash of everything that the decoded pixels depend on."""
    digest = hashlib.sha256()
    # The hash covers all modules of the reader's folder, because colours and DICOM pixels have their own modules.
    for module in sorted(Path(reader.__file__).parent.glob("*.py")):
        digest.update(module.read_bytes())
    digest.update(f"{np.__version__} {PIL.__version__} {edge}".encode())
    for path in table["path"]:
        digest.update(stored_photo.photo_fingerprint(path).encode())
    return digest.hexdigest()


def _decode(table: pd.DataFrame, edge: int, target: Path) -> dict[str, str]:
    broken = {}

    def read(path: str) -> NDArray[np.uint8] | str:
        try:
            return stored_photo.read_pixels(path, edge)
        except PhotoError as error:
            return str(error)

    with atomic_write(target) as temporary, ThreadPoolExecutor(usable_cores()) as pool:
        pixels = np.lib.format.open_memmap(temporary, "w+", np.uint8, (len(table), edge, edge, 3))
        results = tqdm(pool.map(read, table["path"]), "decode photos", len(table), unit=" photos")
        for row, (image_id, result) in enumerate(zip(table["image_id"], results, strict=True)):
            if isinstance(result, str):
                broken[image_id] = result
            else:
                pixels[row] = result
        pixels.flush()
    return broken
