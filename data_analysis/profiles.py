"""The metadata of HAM10000, ISIC 2019 and ISIC 2020 under the same names, and what is counted in it."""

import contextlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from data_analysis.places import splits_folder
from data_modelling.datasets import ham10000, isic2019, isic2020, sources
from data_modelling.datasets.csv_files import read_csv
from data_modelling.datasets.roots import MissingDataError, find_root
from data_modelling.datasets.split_files import split_file
from data_modelling.datasets.splits import attach_parts, read_split
from data_modelling.evaluation.intervals import wilson
from data_modelling.inference.details import PARSERS

FIELDS = tuple(PARSERS)  # age, sex, site
SOURCES = {source.name: source for source in sources.SOURCES}
BANDS = {"under 30": 30, "30-39": 40, "40-49": 50, "50-59": 60, "60-69": 70, "70 and over": 200}  # years

# Names of each csv's columns: (stated lesion or patient, age, sex, site, how the diagnosis was confirmed).
# ISIC 2020 has no column on the confirmation; its diagnosis in words takes that place.
HAM10000 = ("lesion_id", "age", "sex", "localization", "dx_type")
ISIC_2019 = ("lesion_id", "age_approx", "sex", "anatom_site_general", None)
ISIC_2020 = ("patient_id", "age_approx", "sex", "anatom_site_general_challenge", "diagnosis")


def read(name: str, data_root: Path | None = None) -> pd.DataFrame:
    """The metadata of `ham10000`, `isic2019` or `isic2020`, a row a photo; no photo is looked at.

    Columns: image_id, group_id, diagnosis as the split sees them; part, on which side of our split the photo
    stands; stated, the lesion or patient that the csv states ("" where none); age in years, sex, site
    (read as the model reads them; None or NaN where missing); age_text, sex_text, site_text as in the csv;
    confirmation.

    Raises InputError when the data or its split is not there or not as it should be.
    """
    source = SOURCES[name]
    root = find_root(data_root, source.folder, *source.markers)
    table = attach_parts(source.read(root), read_split(split_file(splits_folder(), name)))
    stated, *texts, confirmation = COLUMNS[name]
    raw = _raw(name, root).set_index("image_id").loc[table["image_id"]].reset_index(drop=True)
    table["stated"] = raw[stated]
    for field, column in zip(FIELDS, texts, strict=True):
        table[f"{field}_text"] = raw[column]
        table[field] = parsed(field, raw[column])
    table["confirmation"] = raw[confirmation] if confirmation else ""
    return table


COLUMNS = {"ham10000": HAM10000, "isic2019": ISIC_2019, "isic2020": ISIC_2020}


def tables_at_hand(names: Sequence[str], data_root: Path | None = None) -> dict[str, pd.DataFrame]:
    """The metadata (see `read`) of those of the data sets that are there."""
    found = {}
    for name in names:
        with contextlib.suppress(MissingDataError):
            found[name] = read(name, data_root)
    return found


def _raw(name: str, root: Path) -> pd.DataFrame:
    """The csv's cells as text, the id as image_id."""
    wanted = [column for column in COLUMNS[name] if column]
    if name == "ham10000":
        path = next(root / file for file in ham10000.METADATA if (root / file).is_file())
        return read_csv(path, ("image_id", *wanted))
    if name == "isic2019":
        return read_csv(root / isic2019.METADATA, ("image", *wanted)).rename(columns={"image": "image_id"})
    return read_csv(isic2020.truth_file(root), ("image_name", *wanted)).rename(
        columns={"image_name": "image_id"}
    )


def parsed(field: str, texts: pd.Series) -> pd.Series:
    """Texts as the model reads them; age zero is "not recorded" (see datasets.ham10000)."""
    if field == "age":
        texts = texts.mask(texts.isin(ham10000.AGE_NOT_RECORDED), "")
    values = {text: PARSERS[field](text) for text in texts.unique()}
    read_as = [values[text] for text in texts]
    if field == "age":
        return pd.Series(np.array(read_as, np.float64), texts.index)
    return pd.Series(read_as, texts.index, "str")


def contradictions(table: pd.DataFrame) -> pd.Series:
    """In how many of the stated lesions or patients two photos differ in a field that both have."""
    stated = table[table["stated"] != ""].groupby("stated")
    return pd.Series({field: int(stated[field].nunique().gt(1).sum()) for field in FIELDS})


def origin_of_isic2019(photos: pd.DataFrame, ham: pd.DataFrame | None) -> pd.Series:
    """From which earlier set each photo of ISIC 2019 came: HAM10000, BCN20000 or earlier challenges.

    ham: HAM10000's own table; without it, its photos are known by their lesion ids.
    """
    prefix = photos["stated"].str.split("_").str[0]
    origin = prefix.map({"BCN": "BCN20000", "HAM": "HAM10000"}).fillna("earlier challenges")
    if ham is not None:
        origin[isic2019.original_ids(photos["image_id"]).isin(ham["image_id"])] = "HAM10000"
    return origin.rename("origin")


def isic2020_duplicates(data_root: Path | None = None) -> list[tuple[str, str]]:
    """The pairs of ids that ISIC 2020's organisers declare to be duplicates."""
    source = SOURCES["isic2020"]
    path = find_root(data_root, source.folder, *source.markers) / isic2020.DUPLICATES
    pairs = read_csv(path, ("image_name_1", "image_name_2"))
    return list(pairs.itertuples(index=False, name=None))


def one_a_group(table: pd.DataFrame) -> pd.DataFrame:
    """One row, the first, of each group and diagnosis: a lesion with many photos counts once."""
    return table.drop_duplicates(["group_id", "diagnosis"])


def class_counts(table: pd.DataFrame) -> pd.DataFrame:
    """photos, groups and share of the photos by diagnosis, the most frequent first."""
    by_class = table.groupby("diagnosis")
    counts = pd.DataFrame({"photos": by_class.size(), "groups": by_class["group_id"].nunique()})
    counts["share"] = counts["photos"] / len(table)
    return counts.sort_values("photos", ascending=False)


def shares(rows: pd.Series, columns: pd.Series) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Counts of each pair of values, and the same as shares of their row."""
    counts = pd.crosstab(rows, columns)
    return counts, counts.div(counts.sum(axis=1), axis=0)


def missing(table: pd.DataFrame, by: str = "diagnosis") -> pd.DataFrame:
    """How many photos of each value of `by` lack each field; an age written as zero is apart."""
    gaps = pd.DataFrame({by: table[by]})
    gaps["age written as 0"] = table["age_text"].isin(ham10000.AGE_NOT_RECORDED)
    gaps["age empty"] = table["age"].isna() & ~gaps["age written as 0"]
    gaps["sex"] = table["sex"].isna()
    gaps["site"] = table["site"].isna()
    return gaps.groupby(by).sum()[["age empty", "age written as 0", "sex", "site"]]


def quantiles(values: pd.Series, by: pd.Series) -> pd.DataFrame:
    """low, q1, median, q3, high (the 5, 25, 50, 75 and 95 % points) and count of each value of `by`."""
    known = values.notna()
    grouped = values[known].groupby(by[known])
    points = {"low": 0.05, "q1": 0.25, "median": 0.5, "q3": 0.75, "high": 0.95}
    found = pd.DataFrame({name: grouped.quantile(point) for name, point in points.items()})
    return found.assign(count=grouped.size())


def age_bands(ages: pd.Series) -> pd.Series:
    """Ages as BANDS, an ordered category; missing stays missing."""
    return pd.cut(ages, [0, *BANDS.values()], right=False, labels=list(BANDS))


def share_with_interval(hits: pd.Series, by: list[pd.Series]) -> pd.DataFrame:
    """share, low, high (95 % Wilson interval), hits and count of a yes/no column by the values of `by`."""
    grouped = hits.groupby(by, observed=True)
    found = pd.DataFrame({"hits": grouped.sum().astype(int), "count": grouped.size()})
    low, high = wilson(found["hits"].to_numpy(), found["count"].to_numpy())
    return found.assign(share=found["hits"] / found["count"], low=low, high=high)


def photos_a_group(groups: pd.Series, starts: Sequence[int]) -> pd.DataFrame:
    """How many groups have so many photos, and how many photos these are.

    starts: the smallest number of photos of each row, from 1 on; (1, 2, 5) makes "1", "2-4" and "5 or more".
    """
    sizes = groups.value_counts()
    ends = [start - 1 for start in starts[1:]]
    labels = [
        str(start) if start == end else f"{start}-{end}" for start, end in zip(starts, ends, strict=False)
    ] + [f"{starts[-1]} or more"]
    row = pd.cut(sizes, [start - 1 for start in starts] + [np.inf], labels=labels)
    counted = sizes.groupby(row, observed=False)
    return pd.DataFrame({"groups": counted.size(), "photos": counted.sum()}).rename(index=str)


def vocabulary(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """How often each data set uses each name of a site, under the region as which the name is read."""
    columns: dict[str, pd.Series] = {}
    for name, table in tables.items():
        region = table["site"].fillna("not known")
        columns[name] = table.groupby([region, table["site_text"].replace("", "(empty)")]).size()
    found = pd.DataFrame(columns).fillna(0).astype(int)
    return found.rename_axis(["read as", "name in the csv"])


def percent(value: float) -> str:
    """A share as a percentage of one decimal, of two below one in a hundred; 0% and 100% only where exact."""
    return f"{value:.2%}" if 0 < value < 0.01 or 0.9995 <= value < 1 else f"{value:.1%}".replace(".0%", "%")
