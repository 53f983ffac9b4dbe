"""TFRecord shards: a photo and what is known of it a record, under the names that the settings give.

`python -m data_modelling.prepare --to tfrecord` writes them; shards of others are read by setting the names of
their features and the order of their colours ([prepared] and [prepared.features] of a recipe). The table's paths
point into the shards: nothing is unpacked. Compressed shards are not read.
"""

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from data_modelling.datasets.roots import MissingDataError, base_folder
from data_modelling.datasets.rows import TEXT_COLUMNS
from data_modelling.datasets.stored import shard_path
from data_modelling.datasets.table import Report, checked_table
from data_modelling.inference import diagnoses
from data_modelling.inference.errors import InputError
from data_modelling.settings import FeatureNames, PreparedSettings, Settings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # else TensorFlow greets on standard error

FOLDER = "tfrecord"
ENDINGS = (".tfrecord", ".tfrecords", ".tfrec")
NUMBERED = re.compile(r"(?P<name>.*)-\d+-of-(?P<count>\d+)", re.DOTALL)  # one of several, without ending
NO_NAMES = ("", ".", "..")  # ids that no file can be called by
SEPARATORS = frozenset("/\\\0")  # what no file's name can have in it, on one system or another
HEAD = 12  # bytes before a record's data: its length and the length's checksum
FOOT = 4  # bytes after it: its checksum


def load(
    settings: Settings, data_root: Path | None = None, strict: bool = False
) -> tuple[pd.DataFrame, Report]:
    """The shards as the one table, in the order of their names and records, and the report.

    They lie in the data root or in its subfolder `tfrecord`. No photo is decoded here (see datasets.colours).

    Raises InputError when there is no shard, one of those that the names count is missing, one is damaged or lacks a
    feature, and as checked_table does.
    """
    codes = diagnoses.codes(settings.task)
    rows: list[dict[str, str]] = []
    photos: dict[str, str] = {}
    for shard in _shards(data_root):
        for values, path in read_shard(shard, settings.prepared):
            row = dict.fromkeys(TEXT_COLUMNS, "") | values
            row["diagnosis"] = _code(row["diagnosis"], codes)
            row["group_id"] = row["group_id"] or row["image_id"]
            row["source"] = row["source"] or shard.stem
            rows.append(row)
            photos.setdefault(row["image_id"], path)
    return checked_table(pd.DataFrame(rows, columns=list(TEXT_COLUMNS)), photos, codes, strict=strict)


def read_shard(shard: Path, settings: PreparedSettings) -> Iterator[tuple[dict[str, str], str]]:
    """For each record its values as text, by the one table's column names, and the path of its photo.

    Raises InputError when the shard is damaged (checksums are checked), a record lacks the image or its id, or the
    id is no name of a file.
    """
    # Here: it takes seconds, and most runs read no shard.
    import tensorflow as tf
    from google.protobuf.message import DecodeError

    offset = 0
    try:
        for number, record in enumerate(tf.data.TFRecordDataset(str(shard))):
            data = record.numpy()
            example = tf.train.Example.FromString(data)
            values = _values(example.features.feature, settings.features)
            image = values.pop("image", b"")
            if not image or "image_id" not in values:
                raise InputError(
                    f"{shard}, record {number}: no feature {settings.features.image} or "
                    f"{settings.features.image_id}; it has {', '.join(sorted(example.features.feature))}: set "
                    "their names in [prepared.features]."
                )
            start = offset + HEAD + data.find(image)
            texts = {name: _text(value) for name, value in values.items()}
            _refuse_no_name(texts["image_id"], f"{shard}, record {number}")
            yield texts, shard_path(shard, start, len(image), settings.channels)
            offset += HEAD + len(data) + FOOT
    except (tf.errors.DataLossError, DecodeError) as error:
        raise InputError(f"{shard} is damaged or no uncompressed TFRecord file; get it again.") from error


def write_shard(
    target: Path, rows: Iterable[dict[str, str]], images: Iterable[bytes], names: FeatureNames
) -> None:
    """Write records of values (as text, by the one table's column names) and photos; not atomic."""
    import tensorflow as tf

    with tf.io.TFRecordWriter(str(target)) as writer:
        for row, image in zip(rows, images, strict=True):
            values = {name: text.encode() for name, text in row.items()} | {"image": image}
            features = {
                getattr(names, name): tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
                for name, value in values.items()
                if getattr(names, name)
            }
            example = tf.train.Example(features=tf.train.Features(feature=features))
            writer.write(example.SerializeToString(deterministic=True))


def _shards(data_root: Path | None) -> list[Path]:
    base = base_folder(data_root)
    for place in (base, base / FOLDER):
        found = sorted(path for path in place.glob("*") if path.suffix in ENDINGS) if place.is_dir() else []
        if found:
            _refuse_missing_shards(place, found)
            return found
    raise MissingDataError(
        f"Neither {base} nor {base / FOLDER} has a shard ({', '.join(ENDINGS)}); make them with "
        "`python -m data_modelling.prepare --to tfrecord`."
    )


def _refuse_no_name(image_id: str, where: str) -> None:
    """Class folders name a photo's file by its id, which must not lead out of them."""
    if image_id in NO_NAMES or not SEPARATORS.isdisjoint(image_id):
        raise InputError(f"{where}: the image id {image_id!r} is no name of a file; give the photo another.")


def _refuse_missing_shards(folder: Path, shards: Iterable[Path]) -> None:
    """A preparation that was stopped, or a copy that lacks a file, has fewer than `-of-` in their names says."""
    names = [name for shard in shards if (name := NUMBERED.fullmatch(shard.stem))]
    for (name, count), found in Counter((each["name"], int(each["count"])) for each in names).items():
        if found < count:
            raise InputError(
                f"{folder} has {found} of the {count} shards {name}-*-of-*; get the others, or go on with "
                "`python -m data_modelling.prepare --resume` where it was stopped."
            )


def _values(features: "dict[str, object]", names: FeatureNames) -> dict[str, object]:
    """The first value of each feature that is named and there, by the one table's column names."""
    values = {}
    for name, feature_name in vars(names).items():
        if feature_name and feature_name in features:
            feature = features[feature_name]
            kind = feature.WhichOneof("kind")
            listed = getattr(feature, kind).value if kind else []
            if len(listed):
                values[name] = np.float32(listed[0]) if kind == "float_list" else listed[0]
    return values


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _code(text: str, codes: tuple[str, ...]) -> str:
    """A class code; an index, as many shards have it, is looked up.

    Not where the task has one class: there 0 and 1 say no and yes.
    """
    is_index = len(codes) > 1 and text.isdecimal() and int(text) < len(codes)
    return codes[int(text)] if is_index else text
