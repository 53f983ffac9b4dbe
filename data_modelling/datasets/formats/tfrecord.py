"""Reads and writes TFRecord shards: TensorFlow's files, in which each record has a photo and its metadata.

A record's values are called features. `python -m data_modelling.prepare --to tfrecord` writes such shards. For other
shards, the tables [prepared] and [prepared.features] of the recipe (a TOML file of settings) state the order of the
colours and the feature names. `load` returns paths into the shards and unpacks nothing. Compressed shards are not read.
"""

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from msgspec import structs

from data_modelling.datasets.data_location import MissingDataError, base_folder
from data_modelling.datasets.formats.stored_photo import shard_path
from data_modelling.datasets.table import TEXT_COLUMNS, DatasetReport, checked_table
from data_modelling.inference import diagnoses
from data_modelling.inference.details import NOT_KNOWN
from data_modelling.inference.errors import InputError
from data_modelling.inference.files.csv_table import MISSING, normalize_image_id
from data_modelling.settings import FeatureNames, PreparedSettings, Settings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # else TensorFlow prints a greeting on standard error

FOLDER = "tfrecord"
SHARD_ENDINGS = (".tfrecord", ".tfrecords", ".tfrec")
# Two patterns: the name of a numbered shard without its ending, and an id that is no safe file name, such as `../a`.
SHARD_NAME_PATTERN = re.compile(r"(?P<name>.*)-\d+-of-(?P<count>\d+)", re.DOTALL)
FORBIDDEN_ID = re.compile(r"(?s)(?:.*/)?\.{0,2}(?:/.*)?|.*[\\\0].*")
RECORD_HEADER_BYTES = 12  # before a record's data: the length of the data, and the checksum of the length
RECORD_FOOTER_BYTES = 4  # after a record's data: the checksum of the data


def load(
    settings: Settings, data_root: Path | None = None, strict: bool = False
) -> tuple[pd.DataFrame, DatasetReport]:
    """Return the table of the shards, in the order of their names and records, and the report (see datasets.table).

    The shards are in the data root or in its subfolder `tfrecord`. No photo is decoded here. Raises InputError if there
    is no shard, if a numbered shard is missing, or if a shard is damaged or lacks a feature. Raises the errors of
    checked_table too.
    """
    codes = diagnoses.learned_class_codes(settings.task)
    rows: list[dict[str, str]] = []
    photos: dict[str, str] = {}
    for shard in _shards(data_root):
        for values, path in read_shard(shard, settings.prepared):
            row = dict.fromkeys(TEXT_COLUMNS, "") | values
            row["diagnosis"] = _code(row["diagnosis"], codes)
            row["group_id"] = row["image_id"] if row["group_id"].lower() in NOT_KNOWN else row["group_id"]
            row["source"] = row["source"] or shard.stem
            rows.append(row)
            photos.setdefault(row["image_id"], path)
    return checked_table(pd.DataFrame(rows, columns=list(TEXT_COLUMNS)), photos, codes, strict=strict)


def read_shard(shard: Path, settings: PreparedSettings) -> Iterator[tuple[dict[str, str], str]]:
    """Yield, for each record, its values as text (keys: the table's column names; "": missing) and its photo's path.

    Raises InputError when the shard is damaged (checksums are checked), a record lacks the image or its id, or the id
    cannot name a file.
    """
    # TensorFlow is imported here, because this takes seconds and most runs read no shard.
    import tensorflow as tf
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # it has no type information

    offset = 0
    try:
        for number, record in enumerate(tf.data.TFRecordDataset(str(shard))):
            data = record.numpy()
            example = tf.train.Example.FromString(data)
            values = _values(example.features.feature, settings.features)
            image = values.pop("image", b"")
            if not isinstance(image, bytes) or not image or "image_id" not in values:
                raise InputError(
                    f"{shard}, record {number}: the feature {settings.features.image} (photo) or "
                    f"{settings.features.image_id} (image id) is missing. The record has "
                    f"{', '.join(sorted(example.features.feature))}; set the names in [prepared.features]."
                )
            start = offset + RECORD_HEADER_BYTES + data.find(image)
            texts = {
                name: value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
                for name, value in values.items()
            }
            image_id = normalize_image_id(texts["image_id"])
            texts = {name: "" if text.lower() in MISSING else text for name, text in texts.items()}
            # With an id such as `../a`, `prepare` could write a photo outside its class folder.
            if FORBIDDEN_ID.fullmatch(image_id):
                raise InputError(
                    f"{shard}, record {number}: the image id {image_id!r} is not a valid file name; give it another id."
                )
            yield texts | {"image_id": image_id}, shard_path(shard, start, len(image), settings.channels)
            offset += RECORD_HEADER_BYTES + len(data) + RECORD_FOOTER_BYTES
    except (tf.errors.DataLossError, DecodeError) as error:
        raise InputError(f"{shard} is damaged or not an uncompressed TFRecord file; get it again.") from error


def write_shard(
    target: Path, rows: Iterable[Mapping[str, str]], images: Iterable[bytes], names: FeatureNames
) -> None:
    """Write a record for each row (a dict of the table's columns, as text) and its image; the write is not atomic."""
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
    for folder in (base, base / FOLDER):
        files = folder.glob("*") if folder.is_dir() else ()
        shards = sorted(path for path in files if path.suffix in SHARD_ENDINGS and path.name[0] != ".")
        if shards:
            _refuse_missing_shards(folder, shards)
            return shards
    raise MissingDataError(
        f"Neither {base} nor {base / FOLDER} has a shard ({', '.join(SHARD_ENDINGS)}); make them with "
        "`python -m data_modelling.prepare --to tfrecord`."
    )


def _refuse_missing_shards(folder: Path, shards: Iterable[Path]) -> None:
    """Raise InputError if there are fewer shards than the number after `-of-` in their names says."""
    matches = [match for shard in shards if (match := SHARD_NAME_PATTERN.fullmatch(shard.stem))]
    present = Counter((match["name"], int(match["count"])) for match in matches)
    for (name, count), number in present.items():
        if number < count:
            raise InputError(
                f"{folder} has {number} of the {count} shards {name}-*-of-*; get the others, or continue the stopped "
                "preparation with `python -m data_modelling.prepare --resume`."
            )


def _values(features: Mapping[str, Any], names: FeatureNames) -> dict[str, object]:
    """Return the first value of each feature that the settings name and the record has; keys: FeatureNames' fields."""
    values: dict[str, object] = {}
    for name, feature_name in structs.asdict(names).items():
        if feature_name and feature_name in features:
            kind = features[feature_name].WhichOneof("kind")
            listed = getattr(features[feature_name], kind).value if kind else []
            if len(listed):
                values[name] = np.float32(listed[0]) if kind == "float_list" else listed[0]
    return values


def _code(text: str, codes: tuple[str, ...]) -> str:
    """Return the class code for a label. A label is a class code or, in many shards, the index of a class.

    In a task with two classes, 0 and 1 mean no and yes: 1 is the first class, such as melanoma.
    """
    numbered_codes = codes if len(codes) > 2 else codes[::-1]
    return numbered_codes[int(text)] if text.isdecimal() and int(text) < len(codes) else text
