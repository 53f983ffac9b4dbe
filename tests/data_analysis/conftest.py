"""A small made table of each data set, and the notebooks run on it once."""

import itertools
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest

from data_modelling.datasets.formats.synthetic_lesions import write_synthetic_lesions
from data_modelling.datasets.splits.files import write_splits
from tests.conftest import PROJECT, made_once

CODES_2019 = ("MEL", "NV", "BCC", "AK", "BKL", "DF", "VASC", "SCC", "UNK")
OF_HAM10000 = {"AKIEC": "AK"} | {code: code for code in CODES_2019}


class Made(NamedTuple):
    """A data root with made tables of HAM10000, ISIC 2017, 2019 and 2020, and the folder of their splits."""

    root: Path
    splits: Path


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> Made:
    folder = made_once(tmp_path_factory, "made_tables", make_tables)
    return Made(folder / "data", folder / "splits")


def make_tables(folder: Path) -> None:
    root = folder / "data"
    write_synthetic_lesions(root / "HAM10000", lesions=70, seed=1)
    ham = pd.read_csv(root / "HAM10000" / "HAM10000_metadata.csv", dtype=str, keep_default_na=False)
    isic2017(root / "ISIC_2017")
    isic2019(root / "ISIC_2019", ham)
    isic2020(root / "ISIC_2020")
    (folder / "splits").mkdir()
    write_splits(root, folder / "splits")


def isic2017(folder: Path) -> None:
    folder.mkdir()
    rows = [f"ISIC_5{number:06},{'NV' if number % 2 else 'MEL'}," for number in range(30)]
    (folder / "ISIC_2017_labels.csv").write_text("\n".join(["image,isic2019_class,lesion_id", *rows]) + "\n")


def isic2019(folder: Path, ham: pd.DataFrame) -> None:
    """HAM10000's photos, all of ISIC 2017's, and four photos of each of 80 lesions from Barcelona."""
    folder.mkdir()
    rows = [
        (row.image_id, OF_HAM10000[row.dx.upper()], row.age, "lower extremity", row.lesion_id, row.sex)
        for row in ham.itertuples()
    ]
    rows += [(f"ISIC_5{number:06}", "NV" if number % 2 else "MEL", "", "", "", "") for number in range(30)]
    for lesion in range(80):
        code = CODES_2019[lesion % 8]
        site = ("head/neck", "palms/soles", "anterior torso")[lesion % 3]
        sex, age = ("female", "male")[lesion % 2], str(30 + lesion % 50)
        rows += [
            (f"ISIC_6{lesion:03}{photo:03}", code, age, site, f"BCN_{lesion:03}", sex) for photo in range(4)
        ]
    header = ",".join(["image", *CODES_2019])
    truth = [f"{row[0]}," + ",".join(str(int(row[1] == code)) for code in CODES_2019) for row in rows]
    (folder / "ISIC_2019_Training_GroundTruth.csv").write_text("\n".join([header, *truth]) + "\n")
    details = [f"{image},{age},{site},{lesion},{sex}" for image, _, age, site, lesion, sex in rows]
    header = "image,age_approx,anatom_site_general,lesion_id,sex"
    (folder / "ISIC_2019_Training_Metadata.csv").write_text("\n".join([header, *details]) + "\n")


def isic2020(folder: Path) -> None:
    """Sixty patients of five photos; every third has one melanoma. No photo is there."""
    folder.mkdir()
    rows = [
        "image_name,patient_id,sex,age_approx,anatom_site_general_challenge,diagnosis,benign_malignant,target"
    ]
    for patient, photo in itertools.product(range(60), range(5)):
        melanoma = patient % 3 == 0 and photo == 0
        words = "melanoma,malignant,1" if melanoma else "unknown,benign,0"
        sex = ("female", "male")[patient // 3 % 2]
        site = ("torso", "head/neck")[photo % 2]
        rows.append(f"ISIC_7{patient:03}{photo:03},IP_{patient:03},{sex},{20 + patient},{site},{words}")
    (folder / "ISIC_2020_Training_GroundTruth.csv").write_text("\n".join(rows) + "\n")
    pairs = "image_name_1,image_name_2\nISIC_7000001,ISIC_7000002\n"
    (folder / "ISIC_2020_Training_Duplicates.csv").write_text(pairs)


def run_notebooks(*options: str | Path) -> subprocess.CompletedProcess[str]:
    """The command, in a process of its own."""
    command = [sys.executable, "-m", "data_analysis.run", *map(str, options)]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="session")
def made_run(made, tmp_path_factory) -> Path:
    """The folder of the notebooks run on the made tables; their figures lie in `plots` in it."""
    return made_once(tmp_path_factory, "notebooks", make_notebooks, made)


def make_notebooks(out: Path, made: Made) -> None:
    done = run_notebooks(
        "--data-root", made.root, "--splits", made.splits, "--out", out, "--plots", out / "plots"
    )
    assert (done.returncode, done.stderr) == (0, "")
