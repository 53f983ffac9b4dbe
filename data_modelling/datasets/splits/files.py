"""Writes split files. For each photo, they list its part: a fold, or the locked test (for the final evaluation)."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from data_modelling.datasets.data_location import MissingDataError, find_dataset_folder
from data_modelling.datasets.formats.photo_files import any_photo
from data_modelling.datasets.isic2019 import original_ids
from data_modelling.datasets.registry import FORMATS, DataSet, load_table, split_data_sets
from data_modelling.datasets.splits.assignment import (
    EQUAL_FOLD_SHARES,
    TEST_AND_FOLD_SHARES,
    make_inheriting_split,
    make_split,
    read_split,
    write_split,
)
from data_modelling.datasets.table import findings_report, raise_if_strict
from data_modelling.inference.errors import InputError
from data_modelling.inference.files.csv_table import RowFindings, shortened_list
from data_modelling.settings import Settings


def split_file(folder: Path, name: str) -> Path:
    """Return the path of the split of the data set `name` (such as ham10000)."""
    return folder / f"{name}.csv"


def write_recipe_split(
    settings: Settings, data_root: Path | None, out: Path, force: bool = False, strict: bool = False
) -> tuple[Path, list[str]]:
    """Write the split that a recipe names, from the photos of its data set; return the file and the skipped inputs.

    Class folders and TFRecord shards get their split in this way. Raises InputError like their loader, and for a recipe
    with any other data set. Without `force`, an existing split file raises it too.
    """
    # A data set's own split also depends on `inherits` and `locked_test` of its record.
    if settings.dataset not in FORMATS:
        raise InputError(f"--config splits {' or '.join(FORMATS)}; for {settings.dataset}, use --only.")
    path = split_file(out, settings.split)
    _refuse_existing([path], force)
    table, report = load_table(settings, data_root, strict)
    write_split(path, make_split(table))
    return path, [str(report)] if report else []


def write_splits(
    data_root: Path | None, out: Path, force: bool = False, only: Sequence[str] = (), strict: bool = False
) -> tuple[list[Path], list[str]]:
    """Write the split of each available data set; return the files, and the skipped inputs with reasons.

    only: names of the data sets to split; empty means all. Raises InputError, and writes nothing, if there is no data
    set, if `only` has an unknown name, or if a csv file is wrong. With `strict`, any problem with the rows of a csv
    file raises InputError too. Without `force`, an existing split file raises it too.
    """
    names = [source.name for source in split_data_sets()]
    if unknown := [name for name in only if name not in names]:
        raise InputError(
            f"There is no data set {', '.join(unknown)} to split; there are {', '.join(names)}. Class folders and shards get "
            "their split with --config RECIPE."
        )
    sources: list[tuple[DataSet, Path]] = []
    left_out: list[str] = []
    for source in (source for source in split_data_sets() if not only or source.name in only):
        try:
            sources.append((source, find_dataset_folder(data_root, source.folder, *source.markers)))
        except MissingDataError as error:
            left_out.append(str(error))
    if not sources:
        raise MissingDataError(left_out[0])
    _refuse_existing([split_file(out, source.name) for source, _ in sources], force)
    splits: dict[str, pd.DataFrame] = {}
    for source, root in sources:
        findings = RowFindings()
        splits[source.name] = _make_split_of(source, root, splits, out, findings)
        raise_if_strict(findings_report(findings), strict)
        left_out += [f"{source.name}: {sentence}" for sentence in findings.sentences()]
    for name, parts in splits.items():
        write_split(split_file(out, name), parts)
    return [split_file(out, name) for name in splits], left_out


def _refuse_existing(files: list[Path], force: bool) -> None:
    existing = [str(file) for file in files if file.exists()]
    if existing and not force:
        raise InputError(
            f"These split files exist: {', '.join(existing)}. With new files, a model trained with the old ones would "
            "be tested on photos that it knows. Choose data sets with --only or another folder with --out, or add "
            "--force to replace the files."
        )


def _make_split_of(
    source: DataSet, root: Path, splits: dict[str, pd.DataFrame], out: Path, findings: RowFindings
) -> pd.DataFrame:
    table = source.split_rows(root, findings)
    shares = TEST_AND_FOLD_SHARES if source.locked_test else EQUAL_FOLD_SHARES
    if table.empty or any_photo(root, set(table["image_id"])) is False:
        ids = shortened_list(map(repr, table["image_id"]), shown=3) or "none that can be used"
        raise InputError(f"No id of the csv in {root} belongs to a photo there; the csv has {ids}.")
    if not source.inherits:
        return make_split(table, shares)
    # Photos that other data sets list too keep their part. It is in the splits just made, else in a split file.
    for name in source.inherits:
        if name not in splits and not (file := split_file(out, name)).exists():
            raise InputError(
                f"Some photos of {source.name} are also in {name} and keep their part of its split, but {file} is missing; "
                f"copy the file there, or split {name} too."
            )
    inherited = pd.concat(
        [splits[name] if name in splits else read_split(split_file(out, name)) for name in source.inherits]
    )
    inherited["image_id"] = original_ids(inherited["image_id"])
    return make_inheriting_split(table, original_ids(table["image_id"]), inherited, shares)
