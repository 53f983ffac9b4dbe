"""From any data set that is loaded to class folders or TFRecord shards, in parallel, to be gone on with.

A photo or a shard is written whole or not at all and not written again; `prepared.json` in the folder says what it
is made from, so that two different preparations are never mixed. What was made reads back as the same table, and what
was not finished is refused: class folders have their csv last, shards tell in their names how many they are.

The photos of a locked test are converted like all others, so that `evaluate --open-test` finds them in any format:
with an edge they are decoded to be encoded again, and nothing is measured or chosen on them. The warning of swapped
colours (datasets.colours), upon which somebody may set `channels`, does not look at them.
"""

import hashlib
import json
import multiprocessing
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from data_modelling.datasets import class_folders, stored, tfrecord
from data_modelling.datasets.rows import NOTED, TEXT_COLUMNS, as_text
from data_modelling.inference.errors import InputError, PhotoError
from data_modelling.inference.files import replaced_when_whole
from data_modelling.settings import PreparedSettings

FORMATS = (class_folders.FOLDER, tfrecord.FOLDER)
BROKEN = "broken.json"  # photos that finished shards lack, and why; only where there are any
CHUNK = 32  # photos that a process is handed at once


@dataclass(frozen=True)
class Plan:
    """What is made where: `kind` is one of FORMATS, workers how many processes encode photos."""

    kind: str
    out: Path
    settings: PreparedSettings
    workers: int

    @property
    def channels(self) -> str:
        """Order of the colours that is written; class folders have what every reader expects."""
        return self.settings.channels if self.kind == tfrecord.FOLDER else "rgb"


def prepare(table: pd.DataFrame, plan: Plan, resume: bool) -> list[str]:
    """Write a table's photos; returns those that do not decode, with their reasons.

    Raises InputError when `out` holds something else, or an unfinished preparation without `resume`.
    """
    other_order = table["path"].map(stored.swapped) != (plan.channels == "bgr")
    if other_order.any() and not plan.settings.edge:
        raise InputError(
            "The photos are stored with their colours in another order than is to be written; give --edge, so "
            "that they are written anew."
        )
    _open(plan, table, resume)
    rows = as_text(table)
    write = {class_folders.FOLDER: _write_folders, tfrecord.FOLDER: _write_shards}[plan.kind]
    with _mapped(plan) as mapped, tqdm(total=len(rows), desc=f"write {plan.kind}", unit=" photos") as bar:
        broken = write(rows, table["path"], plan, mapped, bar)
    return [f"{image_id}: {reason}" for image_id, reason in broken.items()]


def _open(plan: Plan, table: pd.DataFrame, resume: bool) -> None:
    noted = plan.out / NOTED
    if plan.out.exists() and any(plan.out.iterdir()):
        if not noted.exists():
            raise InputError(f"{plan.out} holds something else; name a new folder with --out.")
        if not resume:
            raise InputError(f"{plan.out} was begun before; add --resume to go on with it, or remove it.")
        if json.loads(noted.read_text()) != _key(plan, table):
            raise InputError(
                f"{plan.out} was begun from other photos or settings; name a new folder with --out."
            )
    with replaced_when_whole(noted) as temporary:
        temporary.write_text(json.dumps(_key(plan, table), indent=1) + "\n")


def _key(plan: Plan, table: pd.DataFrame) -> dict[str, Any]:
    """What the files depend on; not where the photos lie."""
    rows = hashlib.sha256(as_text(table).to_csv(index=False).encode()).hexdigest()
    settings = {name: getattr(plan.settings, name) for name in ("edge", "shard", "channels")}
    return {"kind": plan.kind, "rows": rows, **settings, "features": vars(plan.settings.features)}


def _write_folders(
    rows: pd.DataFrame, paths: pd.Series, plan: Plan, mapped: "_Mapped", bar: tqdm
) -> dict[str, str]:
    """A folder a class; `photos.csv` last, when every photo is there."""
    broken: dict[str, str] = {}
    targets = [plan.out / row.diagnosis / row.image_id for row in rows.itertuples()]
    done = {target.with_suffix("") for target in plan.out.glob("*/*") if not target.name.startswith(".")}
    waiting = [number for number, target in enumerate(targets) if target not in done]
    bar.update(len(rows) - len(waiting))
    for number, result in zip(waiting, mapped(paths.iloc[waiting]), strict=True):
        if isinstance(result, str):
            broken[rows["image_id"].iloc[number]] = result
        else:
            data, ending = result
            with replaced_when_whole(targets[number].with_name(targets[number].name + ending)) as temporary:
                temporary.write_bytes(data)
        bar.update()
    kept = rows[~rows["image_id"].isin(list(broken))]
    with replaced_when_whole(plan.out / class_folders.PHOTOS) as temporary:
        kept.to_csv(temporary, index=False, lineterminator="\n", columns=list(TEXT_COLUMNS))
    return broken


def _write_shards(
    rows: pd.DataFrame, paths: pd.Series, plan: Plan, mapped: "_Mapped", bar: tqdm
) -> dict[str, str]:
    """Shards of as many photos as the settings say; broken photos are in none, and told again by a resumed run."""
    noted = plan.out / BROKEN
    broken: dict[str, str] = json.loads(noted.read_text()) if noted.exists() else {}
    size = plan.settings.shard
    count = -(-len(rows) // size)
    for number in range(count):
        part = slice(number * size, (number + 1) * size)
        target = plan.out / f"photos-{number:05}-of-{count:05}{tfrecord.ENDINGS[0]}"
        if not target.exists():
            records = rows.iloc[part].to_dict("records")
            results = list(mapped(paths.iloc[part]))
            reasons = {
                record["image_id"]: result
                for record, result in zip(records, results, strict=True)
                if isinstance(result, str)
            }
            if reasons:
                broken |= reasons
                with replaced_when_whole(noted) as temporary:
                    temporary.write_text(json.dumps(broken, indent=1) + "\n")
            whole = [record for record in records if record["image_id"] not in reasons]
            images = [result[0] for result in results if not isinstance(result, str)]
            with replaced_when_whole(target) as temporary:
                tfrecord.write_shard(temporary, whole, images, plan.settings.features)
        bar.update(len(rows.iloc[part]))
    return broken


class _Mapped:
    """Encodes photos in order; each result is (bytes, ending), or why the photo does not decode."""

    def __init__(self, plan: Plan, pool: ProcessPoolExecutor | None) -> None:
        self.encode = partial(_encoded, edge=plan.settings.edge, channels=plan.channels)
        self.pool = pool

    def __call__(self, paths: Iterable[str]) -> Iterator[tuple[bytes, str] | str]:
        if self.pool is None:
            return map(self.encode, paths)
        return self.pool.map(self.encode, paths, chunksize=CHUNK)


@contextmanager
def _mapped(plan: Plan) -> Iterator[_Mapped]:
    if plan.workers < 2:
        yield _Mapped(plan, None)
        return
    # Fresh processes: a copy of this one, with TensorFlow's threads in it, might never end.
    with ProcessPoolExecutor(plan.workers, multiprocessing.get_context("spawn")) as pool:
        try:
            yield _Mapped(plan, pool)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _encoded(path: str, edge: int, channels: str) -> tuple[bytes, str] | str:
    try:
        return stored.encoded(path, edge, channels)
    except PhotoError as error:
        return str(error)
