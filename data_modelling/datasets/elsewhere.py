"""Photos of other sources than HAM10000, labelled as far as they are: what a served model is measured on elsewhere.

Diagnoses are named as ISIC 2019 names its classes, where actinic keratosis (AK) and squamous cell carcinoma
(SCC) are two; `benign` where nothing more is known. Locked photos are never among them.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from data_modelling.datasets import isic2017, isic2020, sources
from data_modelling.datasets.csv_files import read_csv
from data_modelling.datasets.photo_files import photos_in
from data_modelling.datasets.roots import find_root
from data_modelling.datasets.split_files import split_file
from data_modelling.datasets.splits import TEST, attach_known_parts, read_split
from data_modelling.datasets.table import BENIGN, Report, checked_table
from data_modelling.inference.diagnoses import TASKS, Flag, codes

PHOTOS = "images"
FINE = {diagnosis.code: diagnosis.flag for diagnosis in TASKS["isic2019"]}
# A class of HAM10000 that ISIC 2019 has as two.
TOGETHER = {"AK": "AKIEC", "SCC": "AKIEC"}


@dataclass(frozen=True)
class Elsewhere:
    """A source: the split it has, whether its photos are a phone's, and how its csv is read.

    details: columns of image id, age, sex, site. diagnoses: its names of diagnoses that are not ISIC 2019's.
    sites: its names of sites that are no one else's. benign_at_most: how many photos are taken of which no more
    is known than that they are benign; they are drawn by id. finer: from the folder to a column beside that of `source.read`, where the csv tells more.
    """

    source: sources.Source
    phone: bool
    csv: tuple[str, ...]
    details: tuple[str, str, str, str]
    diagnoses: Mapping[str, str] = field(default_factory=dict)
    sites: Mapping[str, str] = field(default_factory=dict)
    benign_at_most: int | None = None
    finer: Callable[[Path], pd.Series] | None = None

    @property
    def name(self) -> str:
        return self.source.folder


_BY_NAME = {source.name: source for source in sources.SOURCES}
ELSEWHERE = (
    Elsewhere(
        _BY_NAME["isic2017"],
        phone=False,
        csv=(isic2017.LABELS,),
        details=("image", "age", "sex", "site"),
    ),
    Elsewhere(
        _BY_NAME["isic2020"],
        phone=False,
        csv=isic2020.TRUTH,
        details=("image_name", "age_approx", "sex", "anatom_site_general_challenge"),
        diagnoses={"malignant": "MEL"},  # all 584 malignant rows are melanomas
        benign_at_most=400,
        finer=lambda root: isic2020.in_classes_of_2019(isic2020.read_rows(root)["named"]),
    ),
    Elsewhere(
        _BY_NAME["pad_ufes_20"],
        phone=True,
        csv=sources.PAD_UFES_20_LABELS,
        details=("img_id", "age", "gender", "region"),
        diagnoses={"ACK": "AK", "NEV": "NV", "SEK": "BKL"},
        sites={
            "arm": "upper extremity",
            "forearm": "upper extremity",
            "thigh": "lower extremity",
            "nose": "head/neck",
            "lip": "head/neck",
        },
    ),
)


def load(
    elsewhere: Elsewhere, data_root: Path | None, splits: Path, to_train: bool = False
) -> tuple[pd.DataFrame, Report]:
    """The photos of a source that are not locked, as the one table (see datasets.table), and the report.

    to_train: also those beyond benign_at_most, and diagnoses as fine as the source has them. Photos that the split does not know
    are reported and left out. Raises InputError (MissingDataError when the source is not there) as the loaders of the data sets do.
    """
    source = elsewhere.source
    root = find_root(data_root, source.folder, *source.markers)
    photos, twice = photos_in([root / PHOTOS])
    rows = source.read(root)
    rows["diagnosis"] = rows["diagnosis"].replace(dict(elsewhere.diagnoses))
    if to_train and elsewhere.finer:
        rows["diagnosis"] = elsewhere.finer(root)
    parts = read_split(split_file(splits, source.name))
    # Of a source whose photos are there in part, the rows without a photo are no finding.
    rows = rows[rows["image_id"].isin(list(photos))]
    rows, not_in_split = attach_known_parts(rows, parts)
    rows = rows[rows["part"] != TEST]
    rows = rows if to_train else _drawn(rows, elsewhere.benign_at_most)
    kept = {image_id: photos[image_id] for image_id in rows["image_id"]}
    rows = rows.merge(_details(elsewhere, root), on="image_id", how="left", validate="one_to_one")
    rows = rows.assign(source=elsewhere.name, confirmation="").fillna({"age": "", "sex": "", "site": ""})
    table, report = checked_table(rows, kept, (*FINE, BENIGN), twice)
    return table, replace(report, photos_not_in_split=not_in_split)


def flag(diagnosis: str) -> Flag:
    """The flag of a diagnosis as this module names it."""
    return "benign" if diagnosis == BENIGN else FINE[diagnosis]


def class_of(diagnosis: str, task: str) -> int:
    """The index of a diagnosis among a task's classes; -1 where it is none of them or no more than benign."""
    places = codes(task)
    code = diagnosis if diagnosis in places else TOGETHER.get(diagnosis)
    return places.index(code) if code in places else -1


def _details(elsewhere: Elsewhere, root: Path) -> pd.DataFrame:
    """image_id, age, sex, site of every row, as text in this program's vocabulary."""
    path = next(root / name for name in elsewhere.csv if (root / name).is_file())
    found = read_csv(path, elsewhere.details)
    found.columns = pd.Index(["image_id", "age", "sex", "site"])
    sites = found["site"].str.lower().replace(dict(elsewhere.sites))
    return found.assign(image_id=found["image_id"].str.removesuffix(".png"), site=sites)


def _drawn(rows: pd.DataFrame, benign_at_most: int | None) -> pd.DataFrame:
    """The rows less the benign ones that are too many; which stay depends on their ids alone."""
    benign = rows.loc[rows["diagnosis"] == BENIGN, "image_id"]
    if benign_at_most is None or len(benign) <= benign_at_most:
        return rows
    by_draw = sorted(benign, key=lambda image_id: hashlib.sha256(image_id.encode()).digest())
    return rows[~rows["image_id"].isin(by_draw[benign_at_most:])]
