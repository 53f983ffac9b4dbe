"""The sources of photos beside each other: where their photos are, and colour, size and sharpness of each."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from data_analysis.places import splits_folder
from data_analysis.profiles import SOURCES
from data_modelling.datasets.isic2019 import original_ids
from data_modelling.datasets.roots import MissingDataError
from data_modelling.datasets.split_photos import development_photos, split_photos
from data_modelling.datasets.splits import TEST
from data_modelling.inference.photos import FORMATS, read_photo
from data_modelling.settings import NetworkSettings

EDGE = NetworkSettings().edge  # pixels: the photos are measured as the network sees them
MARGIN = EDGE // 7  # pixels left out at each side where directions are compared: dark corners, rulers
LUMA = (0.299, 0.587, 0.114)  # of red, green and blue in brightness (ITU-R BT.601)
MOST = 400  # photos measured of a source
SEED = 8
MEASURES = ("brightness", "warmth", "sharpness", "squeeze")


@dataclass(frozen=True)
class Clinic:
    """A source of photos. name: of its split. title: on figures. nevus: how its csv calls a mole."""

    name: str
    title: str
    nevus: str
    credit: str


CLINICS = (
    Clinic("ham10000", "HAM10000", "NV", "HAM10000: Tschandl et al. 2018, CC BY-NC 4.0"),
    Clinic("isic2017", "ISIC 2017", "NV", "ISIC 2017: Codella et al. 2018, CC-0"),
    Clinic("isic2020", "ISIC 2020", "benign", "ISIC 2020: Rotemberg et al. 2021, CC BY-NC 4.0"),
    Clinic("pad_ufes_20", "PAD-UFES-20", "NEV", "PAD-UFES-20: Pacheco et al. 2020, CC BY 4.0"),
)
CREDITS = {clinic.name: clinic.credit for clinic in CLINICS}


def photos(name: str, data_root: Path | None = None) -> pd.DataFrame:
    """image_id, group_id, diagnosis, part and path of a source's photos at hand, without the locked test.

    Photos that the split does not know are counted in what the notebook shows. Raises InputError when the data is not
    there.
    """
    # Not on standard error: a notebook that writes there counts as failed.
    return development_photos(name, data_root, splits_folder(), tell=print)


def all_photos(name: str, data_root: Path | None = None) -> pd.DataFrame:
    """The same with the locked test: for finding photos that stand on two sides, and for nothing else."""
    return split_photos(name, data_root, splits_folder(), tell=print)


def photos_of_isic2019(table: pd.DataFrame, data_root: Path | None = None) -> pd.DataFrame:
    """The rows of ISIC 2019 whose photo is in HAM10000 or ISIC 2017, with its path; without the locked test."""
    paths: dict[str, str] = {}
    for name in SOURCES["isic2019"].inherits:
        with contextlib.suppress(MissingDataError):
            paths |= photos(name, data_root).set_index("image_id")["path"].to_dict()
    found = table.assign(path=original_ids(table["image_id"]).map(paths))
    return found[found["part"] != TEST].dropna(subset="path")


def clinics_at_hand() -> dict[Clinic, pd.DataFrame]:
    """The photos of moles of each source that is there: one diagnosis, so that only the source differs."""
    found = {}
    for clinic in CLINICS:
        try:
            table = photos(clinic.name)
        except MissingDataError:
            continue
        moles = table[table["diagnosis"] == clinic.nevus]
        if len(moles):
            found[clinic] = moles
    return found


def chosen(table: pd.DataFrame, count: int, seed: int = SEED) -> pd.DataFrame:
    """At most `count` photos at random, each of another lesion or patient."""
    one_each = table.sort_values("image_id").drop_duplicates("group_id")
    order = np.random.default_rng(seed).permutation(len(one_each))
    return one_each.iloc[order[:count]]


def one_patient(table: pd.DataFrame, count: int, seed: int = SEED) -> pd.DataFrame:
    """At most `count` photos of a patient with one malignant photo, which comes first, and most others at hand."""
    melanomas = table[table["diagnosis"] == "malignant"]
    lonely = melanomas[~melanomas["group_id"].duplicated(keep=False)]
    sizes = table["group_id"].value_counts()[lonely["group_id"]].sort_index()
    if sizes.empty:
        return table.iloc[:0]
    rows = table[table["group_id"] == sizes.idxmax()].sort_values("image_id")
    others = rows[rows["diagnosis"] != "malignant"]
    order = np.random.default_rng(seed).permutation(len(others))[: count - 1]
    return pd.concat([rows[rows["diagnosis"] == "malignant"], others.iloc[order]])


def measured(clinics: dict[Clinic, pd.DataFrame], most: int = MOST) -> pd.DataFrame:
    """A row a photo: source, width and height of the file in pixels, bytes, red, green, blue, MEASURES."""
    rows = []
    for clinic, table in clinics.items():
        for row in chosen(table, most).itertuples():
            data = Path(str(row.path)).read_bytes()
            with Image.open(str(row.path), formats=FORMATS) as image:
                width, height = image.size
            facts = {"source": clinic.title, "width": width, "height": height, "bytes": len(data)}
            rows.append(facts | measures(read_photo(data, EDGE)))
    return pd.DataFrame(rows)


def measures(pixels: NDArray[np.uint8]) -> dict[str, float]:
    """red, green, blue (means, 0-255) and MEASURES of a photo (edge, edge, 3).

    brightness: mean grey level. warmth: mean red less mean blue. sharpness: standard deviation of the
    Laplacian of the grey levels. squeeze: mean difference of neighbours from left to right over that from
    top to bottom; 1 where no direction stands out, above 1 where a wide photo was pressed into a square.
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


def source_guessed(measured_photos: pd.DataFrame, seed: int = SEED) -> float:
    """How often the source is guessed right from MEASURES alone, the same number of photos of each.

    One half of the photos gives the mean of each source, the other half is guessed: the nearest mean, in
    units of the standard deviation. Chance is one in the number of sources.
    """
    fewest = measured_photos["source"].value_counts().min()
    half = fewest // 2
    draw: Callable[[pd.DataFrame], pd.DataFrame] = lambda rows: rows.sample(2 * half, random_state=seed)  # noqa: E731
    even = {name: draw(rows)[list(MEASURES)].to_numpy() for name, rows in measured_photos.groupby("source")}
    known = np.stack([rows[:half] for rows in even.values()])
    asked = np.stack([rows[half:] for rows in even.values()])
    scale = known.reshape(-1, len(MEASURES)).std(axis=0)
    means = known.mean(axis=1) / scale
    distance = np.linalg.norm(asked[:, :, None] / scale - means, axis=3)
    return float((distance.argmin(axis=2) == np.arange(len(even))[:, None]).mean())
