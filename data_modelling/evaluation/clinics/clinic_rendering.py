"""Render photos like another clinic's files, and count how often the status (such as "higher concern") changes.

HAM10000's photos get the look of our BCN20000 files: 84 x 84 pixels, JPEG quality 75, and a round dark border. The
lesion stays the same, so only this look can change the status. The locked test (for the final evaluation) is not read.
"""

import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image
from tqdm import tqdm

from data_modelling.datasets.splits.photos import development_photos
from data_modelling.inference.decision import HIGHER_CONCERN, NO_CANCER_CLASS
from data_modelling.inference.errors import PhotoError
from data_modelling.inference.photo.reader import read_photo
from data_modelling.inference.predictor import Predictor
from data_modelling.metrics.bootstrap import refused_share
from data_modelling.safety.degradation import encode_jpeg
from data_modelling.training.recompression import add_vignettes

RENDERING_FILE = "rendering.csv"  # in the bundle's folder `predictions`; it has COLUMNS
COLUMNS = ("image_id", "diagnosis", "status", "rendered_status")
DATA_SET, CLASSES = "ham10000", ("MEL", "NV")
PHOTOS = 500  # photos of each class; a second photo of a lesion is used only if there are too few lesions
# Edge in pixels and JPEG quality of the rendered file, and the edge at which the photo is read.
EDGE, QUALITY, SOURCE_EDGE = 84, 75, 256
MAX_CHANGED_SHARE = 0.05  # our aim: the status changes for at most this share of the photos
SEED = 7  # decides the sample


def rendered_statuses(predictor: Predictor, data_root: Path | None, splits: Path) -> pd.DataFrame:
    """Return a table with COLUMNS: the status of each sampled photo, unchanged and rendered."""
    sample = sample_photos(development_photos(DATA_SET, data_root, splits))
    rows = []
    for row in tqdm(sample.itertuples(), "render", len(sample), unit=" photos"):
        data = Path(str(row.path)).read_bytes()
        try:
            files = data, render_photo(data, str(row.image_id))
        except PhotoError:
            continue  # a damaged file has no status to compare
        statuses = [predictor.answer(file, dermatoscope=True).status for file in files]
        rows.append((row.image_id, row.diagnosis, *statuses))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def sample_photos(photos: pd.DataFrame) -> pd.DataFrame:
    """Return up to PHOTOS photos of each of CLASSES, from as many lesions as possible, sorted by image_id."""
    order = np.random.default_rng(SEED).permutation(len(photos))
    shuffled = photos.sort_values("image_id").iloc[order]
    repeats = shuffled.groupby("group_id").cumcount()  # 0 for the first photo of a lesion
    shuffled = shuffled.iloc[np.argsort(repeats.to_numpy(), kind="stable")]
    chosen = [shuffled[shuffled["diagnosis"] == code].head(PHOTOS) for code in CLASSES]
    return pd.concat(chosen).sort_values("image_id")


def render_photo(data: bytes, image_id: str) -> bytes:
    """Return a photo's file as BCN20000 would store it; image_id decides the random border."""
    rng = np.random.default_rng(zlib.crc32(image_id.encode()))
    (bordered,) = add_vignettes(rng, read_photo(data, SOURCE_EDGE)[None], 1.0)
    return encode_jpeg(Image.fromarray(bordered).resize((EDGE, EDGE), Image.Resampling.BICUBIC), QUALITY)


def rendering_metrics(table: pd.DataFrame) -> dict[str, Any]:
    """Return the counts of photos, changed statuses and each kind of change, and the changed share with its interval.

    melanomas_cleared: the count of melanomas that changed from higher concern to "no cancer class stands out".
    """
    changed = table[table["status"] != table["rendered_status"]]
    cleared = (
        (changed["diagnosis"] == "MEL")
        & (changed["status"] == HIGHER_CONCERN)
        & (changed["rendered_status"] == NO_CANCER_CLASS)
    )
    kinds = Counter(changed[["diagnosis", "status", "rendered_status"]].itertuples(index=False, name=None))
    share = refused_share(len(changed), len(table))
    return {
        "photos": len(table),
        "changed": share["refused"],
        "share": share["share"],
        "interval": share["interval"],
        "melanomas_cleared": int(cleared.sum()),
        "changes": [
            {"diagnosis": diagnosis, "from": before, "to": after, "photos": count}
            for (diagnosis, before, after), count in sorted(kinds.items())
        ],
    }


def describe_changes(metrics: dict[str, Any]) -> str:
    """Return the counts as one sentence."""
    return (
        f"{metrics['changed']} of {metrics['photos']} photos change their status when they are rendered like BCN20000's "
        f"({metrics['share']:.1%}; the aim is at most {MAX_CHANGED_SHARE:.0%}); {metrics['melanomas_cleared']} "
        "melanomas change from higher concern to no cancer class."
    )
