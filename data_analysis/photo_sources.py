"""Read the photos of several sources (data sets), and measure how they differ in colour, size and sharpness."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from data_analysis.notebook_folders import splits_folder
from data_modelling.datasets import isic2019
from data_modelling.datasets.data_location import MissingDataError
from data_modelling.datasets.splits.assignment import TEST
from data_modelling.datasets.splits.photos import development_photos, split_photos
from data_modelling.inference.photo.reader import FORMATS, read_photo
from data_modelling.settings import NetworkSettings

EDGE = NetworkSettings().edge  # pixels; photos are measured in the size that the network sees
MARGIN = EDGE // 7  # pixels at each border (dark corners, rulers) that the measure `squeeze` leaves out
LUMA = (0.299, 0.587, 0.114)  # weights of red, green and blue in brightness (ITU-R BT.601)
MOST = 400  # at most this many photos of each source are measured
SEED = 8
MEASURE_NAMES = ("brightness", "warmth", "sharpness", "squeeze")


@dataclass(frozen=True)
class PhotoSource:
    """Describe a source of photos.

    name: the name in the registry of data sets. title: the name on figures. nevus: the source's code for moles; ISIC
    2020 has only a code for all benign lesions. credit: authors and licence, as a figure names them.
    """

    name: str
    title: str
    nevus: str
    credit: str


PHOTO_SOURCES = (
    PhotoSource("ham10000", "HAM10000", "NV", "HAM10000: Tschandl et al. 2018, CC BY-NC 4.0"),
    PhotoSource("isic2017", "ISIC 2017", "NV", "ISIC 2017: Codella et al. 2018, CC-0"),
    PhotoSource("isic2020", "ISIC 2020", "benign", "ISIC 2020: Rotemberg et al. 2021, CC BY-NC 4.0"),
    PhotoSource("pad_ufes_20", "PAD-UFES-20", "NEV", "PAD-UFES-20: Pacheco et al. 2020, CC BY 4.0"),
)
BCN_CREDIT = "BCN20000: Combalia et al. 2019, CC BY-NC 4.0"
CREDITS = {source.name: source.credit for source in PHOTO_SOURCES}


def read_photos(name: str, data_root: Path | None = None) -> pd.DataFrame:
    """Return image_id, group_id, diagnosis, part and path of a source's available photos outside the locked test.

    The locked test is kept for the final evaluation. Prints how many photos are left out because the split lacks them.
    Raises InputError when the data is missing.
    """
    # The message goes to standard output, because a notebook that writes to standard error counts as failed.
    return development_photos(name, data_root, splits_folder(), tell=print)


def read_all_photos(name: str, data_root: Path | None = None) -> pd.DataFrame:
    """Return all photos, also of the locked test; use this only to find photos that are in two parts of the split."""
    return split_photos(name, data_root, splits_folder(), tell=print)


def read_isic2019_photos(table: pd.DataFrame, data_root: Path | None = None) -> pd.DataFrame:
    """Return the rows of ISIC 2019's table that have a photo and are outside the locked test, with the photo's path."""
    photos, _ = isic2019.load(data_root)
    paths = dict(zip(photos["image_id"], photos["path"], strict=True))
    known = table.assign(path=table["image_id"].map(paths))
    return known[known["part"] != TEST].dropna(subset="path")


def read_nevus_photos() -> dict[PhotoSource, pd.DataFrame]:
    """Return the photos of moles of each available source, to compare the sources on mostly one kind of lesion."""
    moles_by_source = {}
    for source in PHOTO_SOURCES:
        try:
            table = read_photos(source.name)
        except MissingDataError:
            continue
        moles = table[table["diagnosis"] == source.nevus]
        if len(moles):
            moles_by_source[source] = moles
    return moles_by_source


def sample_photos(table: pd.DataFrame, count: int, seed: int = SEED) -> pd.DataFrame:
    """Return at most `count` random photos, no two of them of the same lesion or patient."""
    photos = table.sort_values("image_id").drop_duplicates("group_id")
    order = np.random.default_rng(seed).permutation(len(photos))
    return photos.iloc[order[:count]]


def sample_patient(table: pd.DataFrame, count: int, seed: int = SEED) -> pd.DataFrame:
    """Return at most `count` photos of one patient, the malignant photo first.

    The patient has exactly one malignant photo, and the most photos of all such patients.
    """
    melanomas = table[table["diagnosis"] == "malignant"]
    single_melanomas = melanomas[~melanomas["group_id"].duplicated(keep=False)]
    sizes = table["group_id"].value_counts()[single_melanomas["group_id"]].sort_index()
    if sizes.empty:
        return table.iloc[:0]
    rows = table[table["group_id"] == sizes.idxmax()].sort_values("image_id")
    others = rows[rows["diagnosis"] != "malignant"]
    order = np.random.default_rng(seed).permutation(len(others))[: count - 1]
    return pd.concat([rows[rows["diagnosis"] == "malignant"], others.iloc[order]])


def measure_photos(photos_by_source: dict[PhotoSource, pd.DataFrame], most: int = MOST) -> pd.DataFrame:
    """Return source, width, height (pixels of the file), bytes and photo_measures of up to `most` photos per source."""
    rows = []
    for source, table in photos_by_source.items():
        for row in sample_photos(table, most).itertuples():
            data = Path(str(row.path)).read_bytes()
            with Image.open(str(row.path), formats=FORMATS) as image:
                width, height = image.size
            facts = {"source": source.title, "width": width, "height": height, "bytes": len(data)}
            rows.append(facts | photo_measures(read_photo(data, EDGE)))
    return pd.DataFrame(rows)


def photo_measures(pixels: NDArray[np.uint8]) -> dict[str, float]:
    """Return red, green, blue (means, 0-255) and MEASURE_NAMES of a photo (edge, edge, 3).

    brightness: mean grey level. warmth: mean red minus mean blue. sharpness: standard deviation of the Laplacian of the
    grey levels. squeeze: mean absolute difference of horizontal neighbours, divided by the mean absolute difference of
    vertical neighbours. squeeze is near 1, but above 1 if a wide photo was pressed into a square.
    """
    red, green, blue = pixels.reshape(-1, 3).mean(axis=0)
    grey = pixels @ np.array(LUMA)
    centre = grey[1:-1, 1:-1]
    laplacian = 4 * centre - grey[:-2, 1:-1] - grey[2:, 1:-1] - grey[1:-1, :-2] - grey[1:-1, 2:]
    inner = grey[MARGIN:-MARGIN, MARGIN:-MARGIN]
    across, down = np.abs(np.diff(inner, axis=1)).mean(), np.abs(np.diff(inner, axis=0)).mean()
    return {
        "red": red,
        "green": green,
        "blue": blue,
        "brightness": float(grey.mean()),
        "warmth": red - blue,
        "sharpness": float(laplacian.std()),
        "squeeze": across / down if down else 1.0,
    }


def source_accuracy(measured_photos: pd.DataFrame, seed: int = SEED) -> float:
    """Return the share of photos whose source is recognised from MEASURE_NAMES, for equally many photos of each source.

    One half of the photos gives the mean of each source. Each photo of the other half is assigned to the nearest mean,
    with each measure in units of its standard deviation. Guessing would find 1 / (number of sources).
    """
    fewest = measured_photos["source"].value_counts().min()
    half_count = fewest // 2
    samples = {
        name: rows.sample(2 * half_count, random_state=seed)[list(MEASURE_NAMES)].to_numpy()
        for name, rows in measured_photos.groupby("source")
    }
    reference = np.stack([rows[:half_count] for rows in samples.values()])
    judged = np.stack([rows[half_count:] for rows in samples.values()])
    scale = reference.reshape(-1, len(MEASURE_NAMES)).std(axis=0)
    means = reference.mean(axis=1) / scale
    distance = np.linalg.norm(judged[:, :, None] / scale - means, axis=3)
    return float((distance.argmin(axis=2) == np.arange(len(samples))[:, None]).mean())
