"""Writes any data set as class folders (a folder per class) or TFRecord shards (files of many photos), for training.

A stopped run can be resumed: a photo or a shard is written completely or not at all, and only once. `prepared.json`
records the inputs, so that two preparations are never mixed. A loader reads a finished preparation as the table of the
original data set. It refuses an incomplete set of shards, and class folders without their csv, which is written last.

The photos of a locked test (kept for a final evaluation) are written too, so that `evaluate --open-test` finds them in
any format. They too are resized if an edge (new width in pixels) is set, but nothing is measured or chosen on them.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from msgspec import structs
from tqdm import tqdm

from data_modelling.datasets.formats import class_folders, stored_photo, tfrecord
from data_modelling.datasets.formats.class_folders import PREPARATION_RECORD
from data_modelling.datasets.table import TEXT_COLUMNS, table_to_text
from data_modelling.inference.errors import InputError, PhotoError
from data_modelling.inference.files.atomic_files import atomic_write, write_json
from data_modelling.settings import PreparedSettings

PREPARED_FORMATS = (class_folders.FOLDER, tfrecord.FOLDER)
BROKEN_PHOTOS_FILE = "broken.json"  # photos that could not be written to shards, with reasons; absent if none
CHUNK_SIZE = 256  # number of photos that are encoded together and then written
# A function that yields, for each path, the photo's (bytes, ending), or the reason why it cannot be decoded.
_Encode = Callable[[Iterable[str]], Iterator[tuple[bytes, str] | str]]


@dataclass(frozen=True)
class PreparationPlan:
    """Describes a preparation. kind: one of PREPARED_FORMATS. out: new folder. workers: threads that encode photos."""

    kind: str
    out: Path
    settings: PreparedSettings
    workers: int

    @property
    def channels(self) -> str:
        """Return the colour order to write; in class folders it is RGB, which every reader expects."""
        return self.settings.channels if self.kind == tfrecord.FOLDER else "rgb"


def prepare_dataset(table: pd.DataFrame, plan: PreparationPlan, resume: bool) -> list[str]:
    """Write a table's photos; return the photos that cannot be decoded, with the reasons.

    Raises InputError in four cases: `plan.out` has other files, it has a preparation of other inputs, it has a
    preparation and `resume` is false, or the colour order changes and no edge is set.
    """
    other_order = table["path"].map(stored_photo.has_bgr_order) != (plan.channels == "bgr")
    if other_order.any() and not plan.settings.edge:
        raise InputError(
            "The photos are stored in another colour order than the one to write; give --edge, so that they are decoded "
            "and written again."
        )
    _start_folder(plan, table, resume)
    rows = table_to_text(table)
    write = {class_folders.FOLDER: _write_folders, tfrecord.FOLDER: _write_shards}[plan.kind]
    encode_one = partial(_encode_photo, edge=plan.settings.edge, channels=plan.channels)
    with (
        ThreadPoolExecutor(plan.workers) as pool,
        tqdm(total=len(rows), desc=f"write {plan.kind}", unit=" photos") as bar,
    ):
        broken = write(rows, table["path"], plan, partial(pool.map, encode_one), bar)
    return [f"{image_id}: {reason}" for image_id, reason in broken.items()]


def _start_folder(plan: PreparationPlan, table: pd.DataFrame, resume: bool) -> None:
    record = plan.out / PREPARATION_RECORD
    if plan.out.exists() and any(plan.out.iterdir()):
        if not record.exists():
            raise InputError(f"{plan.out} holds other files; name a new folder with --out.")
        if not resume:
            raise InputError(f"{plan.out} was begun before; add --resume to continue it, or remove it.")
        if json.loads(record.read_text()) != _preparation_record(plan, table):
            raise InputError(f"{plan.out} was begun from other photos or settings; choose another --out.")
    write_json(record, _preparation_record(plan, table))


def _preparation_record(plan: PreparationPlan, table: pd.DataFrame) -> dict[str, Any]:
    """Return everything that the written files depend on; they do not depend on the folder of the original photos."""
    rows = hashlib.sha256(table_to_text(table).to_csv(index=False).encode()).hexdigest()
    settings = {name: getattr(plan.settings, name) for name in ("edge", "shard", "channels")}
    return {"kind": plan.kind, "rows": rows, **settings, "features": structs.asdict(plan.settings.features)}


def _write_folders(
    rows: pd.DataFrame, paths: pd.Series, plan: PreparationPlan, encode: _Encode, bar: tqdm
) -> dict[str, str]:
    """Write one folder per class, then `photos.csv`; return the photos that cannot be decoded, with the reasons."""
    broken: dict[str, str] = {}
    names = rows["image_id"].str.replace(class_folders.SLASH, class_folders.WRITTEN_SLASH)
    targets = [plan.out / code / name for code, name in zip(rows["diagnosis"], names, strict=True)]
    done = {target.with_suffix("") for target in plan.out.glob("*/*") if not target.name.startswith(".")}
    waiting = [number for number, target in enumerate(targets) if target not in done]
    bar.update(len(rows) - len(waiting))
    for start in range(0, len(waiting), CHUNK_SIZE):
        chunk = waiting[start : start + CHUNK_SIZE]
        for number, result in zip(chunk, encode(paths.iloc[chunk]), strict=True):
            if isinstance(result, str):
                broken[rows["image_id"].iloc[number]] = result
            else:
                data, ending = result
                with atomic_write(targets[number].with_name(targets[number].name + ending)) as temporary:
                    temporary.write_bytes(data)
            bar.update()
    written = rows[~rows["image_id"].isin(list(broken))]
    with atomic_write(plan.out / class_folders.PHOTOS_CSV) as temporary:
        written.to_csv(temporary, index=False, lineterminator="\n", columns=list(TEXT_COLUMNS))
    return broken


def _write_shards(
    rows: pd.DataFrame, paths: pd.Series, plan: PreparationPlan, encode: _Encode, bar: tqdm
) -> dict[str, str]:
    """Write shards of `settings.shard` photos each; return the photos that cannot be decoded, with the reasons.

    BROKEN_PHOTOS_FILE records these photos, so that a resumed run reports them again.
    """
    broken_file = plan.out / BROKEN_PHOTOS_FILE
    broken: dict[str, str] = json.loads(broken_file.read_text()) if broken_file.exists() else {}
    size = plan.settings.shard
    count = -(-len(rows) // size)
    for number in range(count):
        part = slice(number * size, (number + 1) * size)
        target = plan.out / f"photos-{number:05}-of-{count:05}{tfrecord.SHARD_ENDINGS[0]}"
        if not target.exists():
            records: list[dict[str, str]] = rows.iloc[part].to_dict("records")  # type: ignore[assignment]
            results = list(encode(paths.iloc[part]))
            pairs = list(zip(records, results, strict=True))
            if reasons := {str(row["image_id"]): text for row, text in pairs if isinstance(text, str)}:
                broken |= reasons
                write_json(broken_file, broken)
            whole = [(row, result[0]) for row, result in pairs if not isinstance(result, str)]
            kept_rows, images = [row for row, _ in whole], [image for _, image in whole]
            with atomic_write(target) as temporary:
                tfrecord.write_shard(temporary, kept_rows, images, plan.settings.features)
        bar.update(len(rows.iloc[part]))
    return broken


def _encode_photo(path: str, edge: int, channels: str) -> tuple[bytes, str] | str:
    try:
        return stored_photo.encode_photo(path, edge, channels)
    except PhotoError as error:
        return str(error)
