"""Runs "Your own photos" of docs/data-sets.md on drawn lesions: class folders, split, train, evaluate, predict and app."""

import csv
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from app import create_app
from app.settings import Settings
from data_modelling.datasets import ham10000
from data_modelling.datasets.formats.synthetic_lesions import write_synthetic_lesions
from data_modelling.datasets.splits.assignment import read_split
from tests.conftest import PROJECT
from tests.data_modelling.whole_run import ONE_BATCH

DOCUMENT = (PROJECT / "docs" / "data-sets.md").read_text()
SMOKE = (PROJECT / "data_modelling" / "configs" / "smoke.toml").read_text()
FOLDERS = {
    "mel": "melanoma",
    "nv": "Nevus",
    "bcc": "Basal_Cell-carcinoma",
    "bkl": "BKL",
    "akiec": "actinic keratosis",
}
ABSENT = ("DF", "VASC")  # no folder of them is made


class OwnPhotos(NamedTuple):
    """A folder with `own/` and all that the commands of the document made, and what each command printed."""

    folder: Path
    errors: dict[str, str]


def block(name: str) -> str:
    """Return the code between `<!-- name -->` and `<!-- /name -->`."""
    return re.search(rf"<!-- {name} -->\n```\w+\n(.*?)```\n<!-- /{name} -->", DOCUMENT, re.DOTALL)[1]


def write_own_photos(folder: Path, lesions: int) -> None:
    """Write class folders of drawn lesions, their photos numbered from 1 in each, with a csv of lesions and details."""
    write_synthetic_lesions(folder / "drawn", lesions, seed=7)
    drawn = pd.read_csv(folder / "drawn" / ham10000.METADATA[0], dtype=str, keep_default_na=False)
    rows = [["Image", "Patient ID", "Age", "Sex", "Site"]]
    for dx, name in FOLDERS.items():
        (folder / "own" / name).mkdir(parents=True)
        for number, row in enumerate(drawn[drawn["dx"] == dx].itertuples(), start=1):
            shutil.copyfile(
                folder / "drawn" / ham10000.PHOTO_FOLDER / f"{row.image_id}.jpg",
                folder / "own" / name / f"{number}.jpg",
            )
            rows.append([f"{name}/{number}.jpg", row.lesion_id, row.age or "NA", row.sex, row.localization])
    with (folder / "own" / "photos.csv").open("w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file, delimiter=";").writerows(rows)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> OwnPhotos:
    folder = tmp_path_factory.mktemp("own_photos")
    write_own_photos(folder, 100)
    sizes = re.sub(r"epochs = \d+", "epochs = 1", SMOKE[SMOKE.index("[network]") :])
    sizes = sizes.replace("batch = 16", f"batch = {ONE_BATCH}")
    recipe = block("own recipe")
    (folder / "own.toml").write_text(recipe[: recipe.index("[network]")] + sizes)
    errors = {}
    for line in block("own commands").splitlines():
        if line.startswith("python -m data_modelling"):
            command = [sys.executable, *line.split()[1:]]
            done = subprocess.run(
                command,
                cwd=folder,
                env={"PYTHONPATH": str(PROJECT), "PATH": ""},
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            errors[line.split()[2].rpartition(".")[2]] = done.stderr
        elif line.startswith("mkdir"):
            (folder / "models").mkdir()
            shutil.move(folder / "runs" / "own", folder / "models" / "own")
    return OwnPhotos(folder, errors)


def test_the_split_has_an_id_per_photo_and_keeps_lesions_together(own: OwnPhotos) -> None:
    parts = read_split(own.folder / "splits" / "own.csv")
    numbers = parts["image_id"].str.rpartition("/")
    assert set(numbers[0]) == {*FOLDERS.values(), ""}  # the last numbers of the largest folder are there only
    assert (
        numbers.loc[numbers[0] == "", 2].astype(int).min()
        > numbers.loc[numbers[0] != "", 2].astype(int).max()
    )
    assert len(parts) == len(list((own.folder / "own").glob("*/*.jpg")))
    assert parts["group_id"].str.startswith("HAM_").all()
    assert "NA in " in own.errors["split"]


def test_predictions_name_the_photos_by_folder_and_number(own: OwnPhotos) -> None:
    rows = pd.read_csv(
        own.folder / "models" / "own" / "predictions" / "out_of_fold.csv.gz", dtype={"part": str}
    )
    parts = read_split(own.folder / "splits" / "own.csv").set_index("image_id")["part"]
    assert set(rows["image_id"]) == set(parts.index[parts == "0"])
    assert rows["age"].notna().any()


def test_a_class_without_photos_is_never_decided(own: OwnPhotos, tmp_path: Path) -> None:
    """Neither in the results of the photos at hand, nor for pictures of any colour."""
    model = own.folder / "models" / "own"
    metadata = json.loads((model / "metadata.json").read_text())
    assert {code: metadata["data"]["counts"][code] for code in ABSENT} == dict.fromkeys(ABSENT, 0)
    colours = np.random.default_rng(3).integers(0, 256, (40, 1, 1, 3), np.uint8)
    for number, colour in enumerate(colours):
        Image.fromarray(colour.repeat(40, 0).reshape(40, 1, 3).repeat(40, 1)).save(tmp_path / f"{number}.png")
    command = [
        sys.executable,
        "-m",
        "data_modelling.predict",
        "--bundle",
        str(model),
        "--images",
        str(tmp_path),
    ]
    subprocess.run([*command, "--out", str(tmp_path / "p.csv")], cwd=PROJECT, check=True)
    for name in (own.folder / "melanoma", tmp_path / "p"):
        probabilities = pd.read_csv(name.with_suffix(".csv"))
        assert (probabilities[list(ABSENT)] == 0).all(axis=None)
        assert not set(pd.read_csv(name.with_suffix(".answers.csv"))["class"]) & set(ABSENT)


def test_the_metrics_and_the_pages_of_the_app_have_the_bundle(own: OwnPhotos) -> None:
    model = own.folder / "models" / "own"
    assert json.loads((model / "metrics.json").read_text())
    client = create_app(Settings(bundles=own.folder / "models", bundle="own")).test_client()
    for address in ("/", "/model", "/limits", "/healthz", "/api/v1/models/own"):
        assert client.get(address).status_code == 200, address
    photo = next((own.folder / "own" / "melanoma").iterdir())
    answer = client.post("/api/v1/predictions", data={"photo": (photo.open("rb"), photo.name)})
    assert answer.status_code in {200, 422}


def test_a_photo_that_vanished_after_the_split_is_an_error_if_strict(own: OwnPhotos, tmp_path: Path) -> None:
    shutil.copytree(own.folder / "own", tmp_path / "own")
    (tmp_path / "own" / "photos.csv").unlink()
    (tmp_path / "own" / "BKL" / "1.jpg").unlink()
    command = [
        *(sys.executable, "-m", "data_modelling.train", "--config", str(own.folder / "own.toml")),
        *("--data-root", str(tmp_path / "own"), "--splits", str(own.folder / "splits")),
        *("--out", str(tmp_path / "bundle"), "--strict"),
    ]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "split photos gone: 1 (BKL/1)" in done.stderr
