"""ISIC 2019 and ISIC 2020 as csv files over drawn photos: the layouts that their loaders read."""

from pathlib import Path

import numpy as np
import pandas as pd

from data_modelling.datasets import ham10000, isic2019
from data_modelling.datasets.csv_files import read_csv
from data_modelling.inference.diagnoses import codes


def write_isic2019(root: Path) -> None:
    """The two csv files of ISIC 2019 over HAM10000's photos in `root`: of akiec every other lesion is an SCC."""
    ham = read_csv(root / ham10000.METADATA[0], ham10000.METADATA_COLUMNS)
    lesions = ham["lesion_id"].str[-1].astype(int)
    classes = ham["dx"].str.upper().where(ham["dx"] != "akiec", np.where(lesions % 2, "SCC", "AK"))
    columns = list(codes("isic2019"))
    one_hot = pd.DataFrame({code: (classes == code).astype(float) for code in columns})
    folder = root / isic2019.FOLDER
    folder.mkdir()
    pd.concat([ham["image_id"].rename("image"), one_hot], axis=1).to_csv(folder / isic2019.TRUTH, index=False)
    pd.DataFrame(
        {
            "image": ham["image_id"],
            "age_approx": ham["age"],
            "anatom_site_general": "torso",
            "lesion_id": ham["lesion_id"],
            "sex": ham["sex"].replace("unknown", ""),
        }
    ).to_csv(folder / isic2019.METADATA, index=False)
