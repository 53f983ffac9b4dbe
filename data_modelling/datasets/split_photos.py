"""The photos at hand of any data set of `sources`, each with its part of the split."""

import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from data_modelling.datasets import ham10000
from data_modelling.datasets.photo_files import photos_in
from data_modelling.datasets.roots import find_root
from data_modelling.datasets.sources import SOURCES
from data_modelling.datasets.split_files import split_file
from data_modelling.datasets.splits import TEST, attach_known_parts, read_split

PHOTOS = "images"  # the folder of a data set's photos; HAM10000 has a loader of its own
BY_NAME = {source.name: source for source in SOURCES}
Tell = Callable[[str], None]


def warned(sentence: str) -> None:
    """Say it on standard error."""
    print(f"warning: {sentence}", file=sys.stderr)


def split_photos(name: str, data_root: Path | None, splits: Path, tell: Tell = warned) -> pd.DataFrame:
    """image_id, group_id, diagnosis, path and part of a source's photos at hand, the locked test among them.

    Photos that the split does not know are left out; tell: given a sentence that counts them. Raises InputError when
    the data or its split is not there.
    """
    source = BY_NAME[name]
    root = find_root(data_root, source.folder, *source.markers)
    if name == "ham10000":
        table = ham10000.load(root)[0][["image_id", "group_id", "diagnosis", "path"]]
    else:
        table = source.read(root)
        paths = photos_in([folder for folder in (root / PHOTOS,) if folder.is_dir()])[0]
        table["path"] = table["image_id"].map(paths)
        table = table.dropna(subset="path")
    known, others = attach_known_parts(table, read_split(split_file(splits, name)))
    if others:
        tell(f"{source.folder}: {len(others)} photos are left out, which its split does not know.")
    return known


def development_photos(name: str, data_root: Path | None, splits: Path, tell: Tell = warned) -> pd.DataFrame:
    """The same without the locked test."""
    table = split_photos(name, data_root, splits, tell)
    return table[table["part"] != TEST].reset_index(drop=True)
