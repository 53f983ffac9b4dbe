"""Test the index of known photos on made photos in the layouts of ISIC 2017 and PAD-UFES-20."""

import base64
import re
import shutil
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from data_modelling.datasets.registry import data_set
from data_modelling.datasets.splits.assignment import make_split, write_split
from data_modelling.datasets.splits.files import split_file
from data_modelling.evaluation.neighbours import NEIGHBOURS_FILE
from data_modelling.inference.bundle import load_bundle
from data_modelling.inference.details import Details
from data_modelling.inference.errors import InputError
from data_modelling.inference.predictor import NEIGHBOURS, Predictor
from data_modelling.metrics.predictions import read_predictions
from data_modelling.pipeline.neighbour_index import (
    shown_photos,
    write_neighbour_predictions,
    write_neighbours,
)
from data_modelling.training.development_set import DataFolders
from tests.app.tiny_bundle import make_tiny_bundle

ISIC, PAD = 24, 12  # photos; two of ISIC 2017 are of one lesion


@pytest.fixture
def data(tmp_path):
    """A data root with both data sets, and the folder of their splits, without a locked test."""
    rng = np.random.default_rng(0)
    for folder in ("ISIC_2017", "PAD_UFES_20"):
        (tmp_path / "data" / folder / "images").mkdir(parents=True)
    isic = ["image,isic2017_split,isic2017_melanoma,isic2019_class,age,sex,site,lesion_id"]
    for number in range(ISIC):
        name = f"ISIC_{number:07}"
        lesion = "IL_1" if number < 2 else ""
        isic.append(f"{name},train,0,{('NV', 'MEL')[number // 2 % 2]},50,male,,{lesion}")
        _save(tmp_path / "data" / "ISIC_2017" / "images" / f"{name}.jpg", rng)
    (tmp_path / "data" / "ISIC_2017" / "ISIC_2017_labels.csv").write_text("\n".join(isic) + "\n")
    pad = ["img_id,file,diagnostic,biopsed,patient_id,lesion_id,fitspatrick,age,gender,region"]
    for number in range(PAD):
        biopsied = number % 2 == 0
        pad.append(f"PAT_{number},PAT_{number}.jpg,BCC,{biopsied},PAT_{number // 2},1,2,60,MALE,FACE")
        _save(tmp_path / "data" / "PAD_UFES_20" / "images" / f"PAT_{number}.jpg", rng)
    (tmp_path / "data" / "PAD_UFES_20" / "labels.csv").write_text("\n".join(pad) + "\n")
    return tmp_path / "data", _splits(tmp_path)


def _save(path, rng) -> None:
    """Save a photo of one colour: the tiny bundle's embedding is the mean colour."""
    colour = tuple(int(value) for value in rng.integers(0, 256, 3))
    Image.new("RGB", (64, 64), colour).save(path)


def _splits(folder):
    splits = folder / "splits"
    splits.mkdir()
    for name in ("isic2017", "pad_ufes_20"):
        record = data_set(name)
        rows = record.split_rows(folder / "data" / record.folder)
        parts = make_split(rows)
        write_split(split_file(splits, name), parts.assign(part=parts["part"].replace("test", "0")))
    return splits


def test_the_shown_photos_are_even_and_one_of_each_lesion_and_patient(data):
    table = shown_photos(*data, photos=12)
    shown = table[table["shown"]]
    assert shown["group_id"].is_unique
    assert shown.groupby(["source", "diagnosis"]).size().tolist() == [4, 4, 4]
    # The other photos of the same lesions and patients are in the index without being shown.
    assert set(table["group_id"]) == set(shown["group_id"])
    assert shown.equals(shown_photos(*data, photos=12).query("shown"))


def test_how_a_diagnosis_was_confirmed_is_that_of_its_source(data):
    table = shown_photos(*data, photos=100).set_index("image_id")
    assert table.loc["ISIC_0000002", "confirmation"] == "histopathology"  # a melanoma
    assert table.loc["ISIC_0000004", "confirmation"] == "not_on_record"
    assert table.loc[["PAT_0", "PAT_1"], "confirmation"].tolist() == ["histopathology", "consensus"]


def test_each_held_out_photo_is_compared_by_the_network_that_never_saw_it(data, smoke_run, smoke_bundle):
    root, splits = data
    work = smoke_run.with_name("smoke.work")
    write_neighbour_predictions(smoke_bundle, work, DataFolders(root, splits))
    rows = pd.read_csv(smoke_bundle / "predictions" / NEIGHBOURS_FILE, dtype=str)
    predictions = read_predictions(smoke_bundle / "predictions" / "out_of_fold.csv.gz")
    assert rows["image_id"].tolist() == sorted(predictions["image_id"])
    assert set(rows["nearest"].str.count(";")) == {5}
    assert set(";".join(rows["nearest"]).split(";")) <= {"MEL", "NV", "BCC"}


def test_without_the_networks_of_the_folds_nothing_is_compared(data, smoke_run, smoke_bundle, tmp_path):
    root, splits = data
    work = tmp_path / "smoke.work"
    shutil.copytree(smoke_run.with_name("smoke.work"), work, ignore=lambda *_: ["fold0"])
    with pytest.raises(InputError, match="finish the training run first"):
        write_neighbour_predictions(smoke_bundle, work, DataFolders(root, splits))
    assert not (smoke_bundle / "predictions" / NEIGHBOURS_FILE).exists()


def test_a_bundle_with_the_index_answers_a_known_photo_without_its_own_lesion(data, tmp_path):
    root, splits = data
    folder = make_tiny_bundle(tmp_path / "tiny")
    facts = write_neighbours(folder, root, splits, photos=100)
    assert facts == {
        "photos": 29,
        "diagnoses": {"BCC": 6, "MEL": 12, "NV": 11},
        "sources": {"ISIC_2017": 23, "PAD_UFES_20": 6},
    }
    bundle = load_bundle(folder)
    assert bundle.metadata["neighbours"] == facts
    for name, own in (
        ("ISIC_2017/images/ISIC_0000001.jpg", "ISIC_000000[01]"),
        ("PAD_UFES_20/images/PAT_3.jpg", "PAT_[23]"),
    ):
        answer = Predictor(bundle).answer((root / name).read_bytes(), Details(), explain=[NEIGHBOURS])
        assert answer.explanation is not None
        nearest = answer.explanation["neighbours"]
        assert len(nearest) == 6
        names = [neighbour["image_id"] for neighbour in nearest]
        assert [name for name in names if re.fullmatch(own, name)] == []
    content = base64.b64decode(nearest[0]["thumbnail"].partition(",")[2])
    with Image.open(BytesIO(content)) as thumbnail:
        assert max(thumbnail.size) <= 128
