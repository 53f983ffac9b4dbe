"""Finds photos to leave out of training when data sets are combined, so that no lesion is in two parts of their splits.

lesion_pairs.csv lists pairs of photos of one lesion whose lesion ids do not say so. Its column found_by has two values.
`declared`: ISIC_MSK_UDA's csv names the pair. `keypoints`: RANSAC found an affine map from 8 or more SIFT keypoints of
one photo to the other's (Lowe 2004, doi:10.1023/B:VISI.0000029664.99615.94), and a person checked the pair.
"""

from pathlib import Path

import pandas as pd

from data_modelling.datasets.splits.assignment import TEST
from data_modelling.datasets.table import DOWNSAMPLED_SUFFIX, join_groups, read_pairs

PAIRS = Path(__file__).with_name("lesion_pairs.csv")


def photos_to_leave(splits: pd.DataFrame) -> set[str]:
    """Return the ids of the photos that must not train, because another photo of their lesion is in another part.

    splits: image_id, group_id and part of all photos of the data sets that train together, including the locked tests.
    If the photos of a lesion are in several parts, only the photos of one part stay. This part is the locked test if
    the lesion has photos there, else the part of the lesion's first photo.
    """
    original = splits["image_id"].str.removesuffix(DOWNSAMPLED_SUFFIX)
    joined = pd.Series(join_groups(original, splits["group_id"], read_pairs(PAIRS)), splits.index)
    marked = splits.assign(joined=joined, trains=splits["part"] != TEST)
    locked_first = marked.sort_values("trains", kind="stable")
    kept_part = locked_first.drop_duplicates("joined").set_index("joined")["part"]
    return set(splits.loc[splits["part"] != joined.map(kept_part), "image_id"])
