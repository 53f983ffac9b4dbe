"""ISIC 2019 and ISIC 2020 as csv files over drawn photos: the layouts that their loaders read."""

from pathlib import Path

import numpy as np
import pandas as pd

from data_modelling.datasets import ham10000, isic2019, isic2020
from data_modelling.datasets.table import read_csv
from data_modelling.inference.diagnoses import class_codes


def write_isic2019(root: Path) -> None:
    """The two csv files of ISIC 2019 over HAM10000's photos in `root`: of akiec every other lesion is an SCC."""
    ham = read_csv(root / ham10000.METADATA[0], ham10000.METADATA_COLUMNS)
    lesions = ham["lesion_id"].str[-1].astype(int)
    classes = ham["dx"].str.upper().where(ham["dx"] != "akiec", np.where(lesions % 2, "SCC", "AK"))
    columns = list(class_codes("isic2019"))
    one_hot = pd.DataFrame({code: (classes == code).astype(float) for code in columns})
    folder = root / isic2019.FOLDER
    folder.mkdir()
    pd.concat([ham["image_id"].rename("image"), one_hot], axis=1).to_csv(
        folder / isic2019.GROUND_TRUTH_FILE, index=False
    )
    pd.DataFrame(
        {
            "image": ham["image_id"],
            "age_approx": ham["age"],
            "anatom_site_general": "torso",
            "lesion_id": ham["lesion_id"],
            "sex": ham["sex"].replace("unknown", ""),
        }
    ).to_csv(folder / isic2019.METADATA, index=False)


def write_isic2020(root: Path) -> None:
    """ISIC 2020's files over HAM10000's photos in `root`, under other ids: three lesions a patient, every other benign one unknown."""
    ham = read_csv(root / ham10000.METADATA[0], ham10000.METADATA_COLUMNS)
    lesions = ham["lesion_id"].str[-4:].astype(int)
    malignant = ham["dx"] == "mel"
    named = pd.Series(np.where(lesions % 2, "unknown", "nevus"), ham.index).where(~malignant, "melanoma")
    images = "ISIC_8" + ham["image_id"].str[6:]
    folder = root / isic2020.FOLDER
    (folder / "images").mkdir(parents=True)
    for own, other in zip(images, ham["image_id"], strict=True):
        (folder / "images" / f"{own}.jpg").symlink_to(root / ham10000.PHOTO_FOLDER / f"{other}.jpg")
    pd.DataFrame(
        {
            "image_name": images,
            "patient_id": "IP_" + (lesions // 3).astype(str),
            "sex": ham["sex"].replace("unknown", ""),
            "age_approx": ham["age"],
            "anatom_site_general_challenge": "torso",
            "diagnosis": named,
            "benign_malignant": np.where(malignant, "malignant", "benign"),
            "target": malignant.astype(int),
        }
    ).to_csv(folder / isic2020.GROUND_TRUTH_FILES[0], index=False)
    pd.DataFrame([images[:2].to_numpy()], columns=["image_name_1", "image_name_2"]).to_csv(
        folder / isic2020.DUPLICATES, index=False
    )
