"""Read the metadata of HAM10000, ISIC 2019 and ISIC 2020 into tables with the same columns, and count the values."""

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from data_analysis.notebook_folders import splits_folder
from data_modelling.datasets import ham10000, isic2019, isic2020
from data_modelling.datasets.data_location import MissingDataError, find_dataset_folder
from data_modelling.datasets.registry import data_set
from data_modelling.datasets.splits.assignment import attach_parts, read_split
from data_modelling.datasets.splits.files import split_file
from data_modelling.datasets.table import read_csv, read_pairs
from data_modelling.inference.details import DETAIL_PARSERS
from data_modelling.inference.errors import FieldError, InputError
from data_modelling.inference.files.csv_table import RowFindings
from data_modelling.metrics.bootstrap import wilson_interval

FIELDS = tuple(DETAIL_PARSERS)  # age, sex, site
BANDS = {"under 30": 30, "30-39": 40, "40-49": 50, "50-59": 60, "60-69": 70, "70 and over": 200}  # years

ISIC_2020_SITE = "anatom_site_general_challenge"
# The columns of each csv: id, lesion or patient, age, sex, site, and how the diagnosis was confirmed. Only HAM10000 has
# the last column. In its place, ISIC 2020 has the diagnosis in words.
COLUMNS = {
    "ham10000": ("image_id", "lesion_id", "age", "sex", "localization", "dx_type"),
    "isic2019": ("image", "lesion_id", "age_approx", "sex", "anatom_site_general"),
    "isic2020": ("image_name", "patient_id", "age_approx", "sex", ISIC_2020_SITE, "diagnosis"),
}
CSV_FILES: dict[str, Callable[[Path], Path]] = {
    "ham10000": ham10000.metadata_file,
    "isic2019": lambda root: root / isic2019.METADATA,
    "isic2020": isic2020.truth_file,
}


def read_metadata(name: str, data_root: Path | None = None) -> pd.DataFrame:
    """Return the metadata of `ham10000`, `isic2019` or `isic2020`, a row for each photo; no photo is read.

    Columns of the result. image_id, group_id, diagnosis, part: as in the split. stated: the id of the lesion
    or patient in the csv, or "" without one. age (years), sex, site: as the model reads them; NaN or None if missing.
    age_text, sex_text, site_text: as in the csv. confirmation: the sixth of COLUMNS; "" for ISIC 2019. Raises
    InputError if the data or its split is missing or wrong.
    """
    source = data_set(name)
    root = find_dataset_folder(data_root, source.folder, *source.markers)
    table = attach_parts(source.split_rows(root), read_split(split_file(splits_folder(), name)))
    columns = COLUMNS[name]
    key, stated, *texts = columns[:5]
    # The warnings about repeated rows go into an unused RowFindings(), because split_rows has already given them.
    raw = read_csv(CSV_FILES[name](root), columns, key, RowFindings(), numbers=(texts[0],))
    raw = raw.set_index(key).loc[table["image_id"]].reset_index(drop=True)
    table["stated"] = raw[stated]
    for field, column in zip(FIELDS, texts, strict=True):
        table[f"{field}_text"] = raw[column]
        table[field] = parse_field(field, raw[column], f"{root}, column {column}")
    table["confirmation"] = raw[columns[5]] if len(columns) > 5 else ""
    return table


def available_tables(names: Sequence[str], data_root: Path | None = None) -> dict[str, pd.DataFrame]:
    """Return the metadata (see read_metadata) of the available data sets."""
    tables = {}
    for name in names:
        with contextlib.suppress(MissingDataError):
            tables[name] = read_metadata(name, data_root)
    return tables


def parse_field(field: str, texts: pd.Series, place: str = "") -> pd.Series:
    """Return texts as the values that the model reads; age zero means "not recorded" (see datasets.ham10000).

    Raises InputError for a value that is not accepted; the error names `place`.
    """
    if field == "age":
        texts = texts.mask(texts.isin(ham10000.AGE_NOT_RECORDED), "")
    values = {}
    for text in texts.unique():
        try:
            values[text] = DETAIL_PARSERS[field](text)
        except FieldError as error:
            rows = int((texts == text).sum())
            raise InputError(f"{place or field}: {error} It says {text!r} in {rows} rows.") from error
    return pd.Series([values[text] for text in texts], texts.index, "float64" if field == "age" else "str")


def contradictions(table: pd.DataFrame) -> pd.Series:
    """Count, for each of FIELDS, the lesions or patients (by `stated`) whose photos have different known values."""
    stated = table[table["stated"] != ""].groupby("stated")
    return pd.Series({field: int(stated[field].nunique().gt(1).sum()) for field in FIELDS})


def origin_of_isic2019(photos: pd.DataFrame, ham: pd.DataFrame | None) -> pd.Series:
    """Return where each photo of ISIC 2019 was published before: HAM10000, BCN20000 or earlier challenges.

    The lesion id tells this, but a photo in `ham` (the table of HAM10000) is from HAM10000 whatever its lesion id says.
    """
    prefix = photos["stated"].str.split("_").str[0]
    origin = prefix.map({"BCN": "BCN20000", "HAM": "HAM10000"}).fillna("earlier challenges")
    if ham is not None:
        origin[isic2019.original_ids(photos["image_id"]).isin(ham["image_id"])] = "HAM10000"
    return origin.rename("origin")


def isic2020_duplicates(data_root: Path | None = None) -> list[tuple[str, str]]:
    """Return the pairs of ids that ISIC 2020's organisers declare to be duplicates."""
    source = data_set("isic2020")
    path = find_dataset_folder(data_root, source.folder, *source.markers) / isic2020.DUPLICATES
    return read_pairs(path, ("image_name_1", "image_name_2"))


def first_of_each_group(table: pd.DataFrame) -> pd.DataFrame:
    """Return the first row of each group and diagnosis, so that a group counts once for each diagnosis."""
    return table.drop_duplicates(["group_id", "diagnosis"])


def class_counts(table: pd.DataFrame) -> pd.DataFrame:
    """Return the number of photos, their share and the number of groups of each diagnosis, the most frequent first."""
    by_class = table.groupby("diagnosis")
    counts = pd.DataFrame({"photos": by_class.size(), "groups": by_class["group_id"].nunique()})
    counts["share"] = counts["photos"] / len(table)
    return counts.sort_values("photos", ascending=False)


def counts_and_shares(rows: pd.Series, columns: pd.Series) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the counts of each pair of values, and each count as a share of its row."""
    counts = pd.crosstab(rows, columns)
    return counts, counts.div(counts.sum(axis=1), axis=0)


def missing_counts(table: pd.DataFrame, by: str = "diagnosis") -> pd.DataFrame:
    """Count, for each value of `by`, the photos without age, sex or site; an age of zero is counted separately."""
    gaps = pd.DataFrame({by: table[by]})
    gaps["age written as 0"] = table["age_text"].isin(ham10000.AGE_NOT_RECORDED)
    gaps["age empty"] = table["age"].isna() & ~gaps["age written as 0"]
    gaps["sex"] = table["sex"].isna()
    gaps["site"] = table["site"].isna()
    return gaps.groupby(by).sum()[["age empty", "age written as 0", "sex", "site"]]


def quantile_table(values: pd.Series, by: pd.Series) -> pd.DataFrame:
    """Return low, q1, median, q3, high (the 5, 25, 50, 75 and 95 % points) and count for each value of `by`."""
    known = values.notna()
    grouped = values[known].groupby(by[known])
    points = {"low": 0.05, "q1": 0.25, "median": 0.5, "q3": 0.75, "high": 0.95}
    quantiles = pd.DataFrame({name: grouped.quantile(point) for name, point in points.items()})
    return quantiles.assign(count=grouped.size())


def age_bands(ages: pd.Series) -> pd.Series:
    """Return the band of each age as an ordered category; a missing age has no band. BANDS: where each band ends."""
    return pd.cut(ages, [0, *BANDS.values()], right=False, labels=list(BANDS))


def share_with_interval(hits: pd.Series, by: list[pd.Series]) -> pd.DataFrame:
    """Return share, low, high (95 % Wilson interval), hits and count of a yes/no column by the values of `by`."""
    grouped = hits.groupby(by, observed=True)
    shares = pd.DataFrame({"hits": grouped.sum().astype(int), "count": grouped.size()})
    low, high = wilson_interval(shares["hits"].to_numpy(), shares["count"].to_numpy())
    return shares.assign(share=shares["hits"] / shares["count"], low=low, high=high)


def group_sizes(groups: pd.Series, starts: Sequence[int]) -> pd.DataFrame:
    """Return a row for each range of group sizes, with the number of groups and the number of their photos.

    starts: the smallest size of each range; (1, 2, 5) makes the rows "1", "2-4" and "5 or more".
    """
    sizes = groups.value_counts()
    pairs = zip(starts, [start - 1 for start in starts[1:]], strict=False)
    labels = [str(start) if start == end else f"{start}-{end}" for start, end in pairs]
    labels.append(f"{starts[-1]} or more")
    row = pd.cut(sizes, [start - 1 for start in starts] + [np.inf], labels=labels)
    counted = sizes.groupby(row, observed=False)
    return pd.DataFrame({"groups": counted.size(), "photos": counted.sum()}).rename(index=str)


def vocabulary(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Count photos. Rows: the site as the model reads it, with its name in the csv. Columns: the data sets."""
    columns: dict[str, pd.Series] = {}
    for name, table in tables.items():
        region = table["site"].fillna("not known")
        columns[name] = table.groupby([region, table["site_text"].replace("", "(empty)")]).size()
    counts = pd.DataFrame(columns).fillna(0).astype(int)
    return counts.rename_axis(["read as", "name in the csv"])


def percent(value: float) -> str:
    """Return a share as a percentage with at most one decimal, or two near 0 and 1; only 0 and 1 give 0% and 100%."""
    return f"{value:.2%}" if 0 < value < 0.01 or 0.9995 <= value < 1 else f"{value:.1%}".replace(".0%", "%")
