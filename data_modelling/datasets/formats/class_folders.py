"""Reads class folders: one folder of photos per class, with or without a csv beside them.

`python -m data_modelling.prepare` writes such folders with `photos.csv`, which has the columns of the table (see
datasets.table) except `path`. Reading these folders gives the table of the original data set, with other paths.

A user's own folders need no csv. The folder's name is the diagnosis, in any spelling (see
datasets.formats.class_names). The id of a photo is its file name without ending, or `folder/name` if several folders
have a photo of this name. A csv may give groups and patient details; see docs/data-sets.md.
"""

import os
import sys
import tomllib
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from data_modelling.datasets.data_location import MissingDataError, base_folder, find_first_folder
from data_modelling.datasets.formats.class_names import learned_class_by_name, normalize_class_name
from data_modelling.datasets.formats.photo_files import list_folder, list_unread_pictures, photo_id
from data_modelling.datasets.table import (
    TEXT_COLUMNS,
    DatasetReport,
    checked_table,
    findings_report,
    join_groups,
    merge_reports,
    read_csv,
)
from data_modelling.inference import diagnoses
from data_modelling.inference.details import NOT_KNOWN
from data_modelling.inference.errors import InputError
from data_modelling.inference.files.csv_table import RowFindings, normalize_file_name, shortened_list
from data_modelling.settings import Settings

FOLDER = "class_folders"
PHOTOS_CSV = "photos.csv"
PREPARATION_RECORD = "prepared.json"  # file with the inputs of a preparation; it is written before the photos
SEARCHED_DEPTH = 2  # how many levels down `find_root` looks for class folders to suggest in its error
OTHER_PHOTOS_CSV = ("groups.csv", "metadata.csv")  # other file names of a user's csv
# Other header names that a user's csv may have for a column.
ALIASES: dict[str, list[str]] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
LESION_COLUMN = "lesion_id"  # photos with the same value are in one group
SLASH, WRITTEN_SLASH = "/", "%2F"  # the slash of an id, and its form in the file names that `prepare` writes


@dataclass
class _Photos:
    """Collects photos. paths: files by image id. ids: image ids by `folder/name`. classes: class codes by image id."""

    paths: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    classes: dict[str, str] = field(default_factory=dict)
    twice: list[str] = field(default_factory=list)  # ids that a second photo has too
    report: DatasetReport = field(default_factory=DatasetReport)

    def tell(self, kind: str, entry: str) -> None:
        """Add an entry to the report. kind: the report's field."""
        self.report = merge_reports(self.report, DatasetReport(**{kind: (entry,)}))


def load(
    settings: Settings, data_root: Path | None = None, strict: bool = False
) -> tuple[pd.DataFrame, DatasetReport]:
    """Return the table of the class folders for the settings' task, and the report (see datasets.table).

    The folders are in the data root or in its subfolder `class_folders`. Raises InputError if there is no class folder,
    if `data_modelling.prepare` has not finished the folders, or if the csv gives a photo another class than its folder
    does. Raises the errors of checked_table too.
    """
    root = find_root(data_root, settings.task)
    names, findings = learned_class_by_name(settings.task), RowFindings()
    photos = _find_class_photos(root, names)
    rows = _rows(root, photos, names, findings)
    earlier = merge_reports(photos.report, findings_report(findings))
    codes = diagnoses.learned_class_codes(settings.task)
    return checked_table(rows, photos.paths, codes, photos.twice, strict, earlier)


def find_root(data_root: Path | None, task: str) -> Path:
    """Return the folder that contains the class folders. Raises MissingDataError if no folder has any."""
    base, names = base_folder(data_root), learned_class_by_name(task)

    def has_class_folder(folder: Path) -> bool:
        return folder.is_dir() and any(
            normalize_class_name(path.name) in names and path.is_dir() for path in folder.iterdir()
        )

    root = find_first_folder(base, FOLDER, has_class_folder)
    if root is not None:
        return root
    below = [path for depth in range(1, SEARCHED_DEPTH + 1) for path in sorted(base.glob("*/" * depth))]
    inner = [str(path) for path in below if has_class_folder(path)]
    hint = f" There are such folders in {shortened_list(inner)}: name one with --data-root." if inner else ""
    raise MissingDataError(
        f"Neither {base} nor {base / FOLDER} has a folder named after a class "
        f"({', '.join(diagnoses.learned_class_codes(task))}); make such folders with `python -m data_modelling.prepare "
        f"--to class_folders`, or see docs/data-sets.md for your own photos.{hint}"
    )


def is_prepared(root: Path) -> bool:
    """Return whether `data_modelling.prepare` made the folders from another data set."""
    return (root / PREPARATION_RECORD).is_file()


def _find_class_photos(root: Path, names: dict[str, str]) -> _Photos:
    """Return the photos of all class folders, each with its id and class. names: class codes by normalized name."""
    loose, folders = list_folder(root)
    photos = _Photos()
    if loose:
        photos.tell("unused_folders", _entry(root.name, len(loose)))
    of_class: list[tuple[str, str, str]] = []  # code, the folder's path below the root, the photo's path
    for folder in folders:
        code = names.get(normalize_class_name(Path(folder).name))
        if code is None:
            photos.tell("unused_folders", _entry(Path(folder).name, _count_photos(folder)))
            continue
        rows = _photos_below(root, folder, code, names, photos)
        if not rows:
            photos.tell("class_folders_without_photos", Path(folder).name)
        of_class += rows
    _name_photos(photos, of_class, is_prepared(root))
    return photos


def _photos_below(
    root: Path, folder: str, code: str, names: dict[str, str], photos: _Photos
) -> list[tuple[str, str, str]]:
    """Return (class code, folder, path) for each photo in a class folder; skip subfolders named after another class."""
    own_photos, subfolders = list_folder(folder)
    place = Path(folder).relative_to(root).as_posix()
    if SLASH in place:
        photos.tell("nested_folders", _entry(place, len(own_photos)))
    if pictures := list_unread_pictures(folder):
        endings = sorted({os.path.splitext(name)[1].lower() for name in pictures} - {""})
        photos.tell("pictures_of_other_formats", f"{place}: {len(pictures)} ({' '.join(endings)})")
    rows = [(code, place, path) for path in own_photos]
    for inner in subfolders:
        if names.get(normalize_class_name(Path(inner).name), code) != code:
            photos.tell("unused_folders", _entry(f"{place}/{Path(inner).name}", _count_photos(inner)))
        else:
            rows += _photos_below(root, inner, code, names, photos)
    return rows


def _name_photos(photos: _Photos, of_class: list[tuple[str, str, str]], prepared: bool) -> None:
    """Give each photo its id (see the module's docstring); prepared folders keep the ids of the original data set."""
    folders_by_name: dict[str, set[str]] = defaultdict(set)
    for _, place, path in of_class:
        folders_by_name[photo_id(path)].add(place)
    for code, place, path in of_class:
        image_id = photo_id(path)
        full_id = f"{normalize_file_name(place)}{SLASH}{image_id}"
        if prepared:
            image_id = image_id.replace(WRITTEN_SLASH, SLASH)
        elif len(folders_by_name[image_id]) > 1:
            image_id = full_id
        photos.ids[full_id] = image_id
        if image_id in photos.paths:
            photos.twice.append(image_id)
        else:
            photos.paths[image_id], photos.classes[image_id] = path, code


def _entry(folder: str, count: int) -> str:
    return f"{folder}: {count} photo{'' if count == 1 else 's'}"


def _count_photos(folder: str) -> int:
    photos, subfolders = list_folder(folder)
    return len(photos) + sum(map(_count_photos, subfolders))


def _rows(root: Path, photos: _Photos, names: dict[str, str], findings: RowFindings) -> pd.DataFrame:
    """Return the rows of the csv, or rows that are made from the folders alone if there is no csv."""
    if is_prepared(root) and not (root / PHOTOS_CSV).is_file():
        raise InputError(
            f"{root} is not finished: it has {PREPARATION_RECORD}, but not {PHOTOS_CSV}, which is written last; continue "
            "with `python -m data_modelling.prepare --resume`."
        )
    # The csv may be PHOTOS_CSV or one of OTHER_PHOTOS_CSV, in capital or small letters.
    by_name = {name.casefold(): name for name in sorted((path.name for path in root.iterdir()), reverse=True)}
    files = [root / by_name[name] for name in (PHOTOS_CSV, *OTHER_PHOTOS_CSV) if name in by_name]
    optional = [*(name for name in TEXT_COLUMNS if name != "image_id"), LESION_COLUMN]
    if not files:
        print(
            f"warning: {root} has no {PHOTOS_CSV}, so age, sex, site, lesion and patient are not known. Photos of one "
            "lesion or patient can then be in different parts of the split, which makes the metrics too good.",
            file=sys.stderr,
        )
        rows = pd.DataFrame({"image_id": sorted(photos.classes)})
        rows[optional] = ""
    else:
        columns = ("image_id", *optional)
        rows = read_csv(
            files[0], columns, "image_id", findings, optional=optional, aliases=ALIASES, numbers=("age",)
        )
        if not is_prepared(root):
            rows["image_id"] = [_known_id(image_id, photos) for image_id in rows["image_id"]]
        _refuse_other_folders(files[0], rows, photos.classes, names)
    rows["diagnosis"] = rows["image_id"].map(photos.classes).fillna(rows["diagnosis"])
    # Photos with the same lesion id in the csv are joined into one group.
    known = rows[~rows[LESION_COLUMN].str.lower().isin(NOT_KNOWN)]
    first = known.groupby(LESION_COLUMN)["image_id"].transform("first")
    pairs = list(zip(first, known["image_id"], strict=True))
    rows["group_id"] = join_groups(rows["image_id"], rows["group_id"], pairs)
    rows["source"] = rows["source"].where(rows["source"] != "", root.resolve().name)
    return rows[list(TEXT_COLUMNS)]


def _known_id(image_id: str, photos: _Photos) -> str:
    """Return a photo's id; the csv may call the photo `folder/name` even if the file name alone is the id."""
    return image_id if image_id in photos.paths else photos.ids.get(image_id.replace("\\", SLASH), image_id)


def _refuse_other_folders(
    path: Path, rows: pd.DataFrame, classes: dict[str, str], names: dict[str, str]
) -> None:
    """Raise InputError if the csv gives a photo another class than the photo's folder does."""
    folder_classes = rows["image_id"].map(classes)
    csv_classes = rows["diagnosis"].map(lambda name: names.get(normalize_class_name(name), name))
    differing = rows[folder_classes.notna() & (csv_classes != "") & (folder_classes != csv_classes)]
    if len(differing):
        first = differing.iloc[0]
        raise InputError(
            f"{path} gives {first['image_id']} the diagnosis {first['diagnosis']}, but the photo is in a folder of "
            f"the class {classes[first['image_id']]}; correct the csv or move the photos ({len(differing)} differ)."
        )
