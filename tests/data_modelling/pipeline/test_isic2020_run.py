"""The road of two classes, and ensembles: ISIC 2020's csv files over drawn lesions."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from msgspec import structs

from data_modelling import ensemble
from data_modelling.datasets.formats.synthetic_lesions import write_synthetic_lesions
from data_modelling.datasets.splits.files import write_splits
from data_modelling.inference.bundle import load_bundle, write_checksums
from data_modelling.inference.details import Details
from data_modelling.inference.errors import InputError
from data_modelling.inference.predictor import Answer, Predictor
from data_modelling.metrics.predictions import read_predictions
from data_modelling.settings import read_settings
from data_modelling.studies.ensembling.bundle import make_ensemble, shared_predictions
from data_modelling.training import development_set
from tests.conftest import PROJECT
from tests.data_modelling.isic_sets import write_isic2019, write_isic2020
from tests.data_modelling.whole_run import ONE_BATCH, train_whole_run

SMOKE = PROJECT / "data_modelling" / "configs" / "smoke.toml"


@dataclass(frozen=True)
class Run:
    """A bundle of two classes, trained for one epoch, and the places of its data and splits."""

    bundle: Path
    data: Path
    splits: Path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    root = tmp_path_factory.mktemp("isic2020")
    data, splits = root / "data", root / "splits"
    write_synthetic_lesions(data, lesions=200, seed=4)
    write_isic2019(data)
    write_isic2020(data)
    splits.mkdir()
    shutil.copyfile(PROJECT / "DATA" / "splits" / "isic2017.csv", splits / "isic2017.csv")
    write_splits(data, splits)
    smoke = read_settings(SMOKE)
    settings = structs.replace(
        smoke,
        name="isic2020",
        task="isic2020",
        dataset="isic2020",
        split="isic2020",
        generated_lesions=0,
        training=structs.replace(smoke.training, epochs=1, batch=ONE_BATCH),
    )
    train_whole_run(settings, development_set.DataFolders(data, splits), root / "isic2020")
    return Run(root / "isic2020", data, splits)


@pytest.fixture
def answer(run: Run) -> Callable[[Path], list[Answer]]:
    """What a bundle says of six photos."""
    photos = sorted((run.data / "HAM10000_images_part_1_and_2").glob("*.jpg"))[:60:10]

    def answers(folder: Path) -> list[Answer]:
        predictor = Predictor(load_bundle(folder))
        return [predictor.answer(path.read_bytes(), Details()) for path in photos]

    return answers


@pytest.fixture
def copies(run: Run, tmp_path: Path) -> list[Path]:
    """The bundle twice, the second with another name."""
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        shutil.copytree(run.bundle, folder)
        metadata = json.loads((folder / "metadata.json").read_text())
        (folder / "metadata.json").write_text(json.dumps(metadata | {"name": folder.name}))
        write_checksums(folder)
    return folders


def test_patients_never_stand_on_two_sides(run: Run) -> None:
    predictions = read_predictions(run.bundle / "predictions" / "out_of_fold.csv.gz")
    table = pd.read_csv(run.data / "ISIC_2020" / "ISIC_2020_Training_GroundTruth.csv")
    judged = table[table["image_name"].isin(predictions["image_id"])]
    others = table[~table["image_name"].isin(predictions["image_id"])]
    assert set(judged["patient_id"]).isdisjoint(others["patient_id"])
    assert set(predictions["part"]) == {"0"}


def test_the_bundle_says_how_melanomas_are_found(run: Run) -> None:
    metrics = json.loads((run.bundle / "metrics.json").read_text())
    found = metrics["melanoma"]["photo"]["two_classes"]
    low, high = found["auc_interval"]
    assert low <= found["auc"] <= high
    assert found["auc"] == pytest.approx(
        metrics["out_of_fold"]["operating_points"]["melanoma"]["auc"], abs=1e-6
    )
    card = (run.bundle / "README.md").read_text()
    assert "### Melanoma or not" in card
    assert "There is no locked test" in card
    assert "whole patients are drawn with replacement" in card
    # What a card of lesions says of patients, it does not say where the groups are patients.
    assert "not by patient" not in card
    assert "Photos are grouped by patient" in card
    assert "five folds and no locked test" in card
    assert "About a tenth of the training patients is held out:" in card
    assert "| class | patients |" in card
    assert not [bar for bar in metrics["bars"] if bar["name"].startswith("locked")]


def test_the_mean_of_a_bundle_and_itself_is_the_bundle(
    copies: list[Path], answer: Callable[[Path], list[Answer]], tmp_path: Path
) -> None:
    """But for the temperature, which is fitted again: the log odds keep their ratio.

    What only one member learned from is the ensemble's too.
    """
    out = tmp_path / "both"
    second = json.loads((copies[1] / "metadata.json").read_text())
    (copies[1] / "metadata.json").write_text(
        json.dumps(second | {"more": {"ISIC_2017": {"photos": 1, "counts": {}}}})
    )
    write_checksums(copies[1])
    assert ensemble.main(["--bundles", *map(str, copies), "--out", str(out)]) == 0
    temperature = json.loads((out / "metadata.json").read_text())["temperature"]
    for found, expected in zip(answer(out), answer(copies[0]), strict=True):
        odds, before = (
            np.log(one.probabilities["melanoma"] / one.probabilities["benign"]) for one in (found, expected)
        )
        assert odds * temperature == pytest.approx(before, abs=1e-3)
        assert found.nearness == expected.nearness
    metadata = json.loads((out / "metadata.json").read_text())
    assert metadata["ensemble"]["weights"] == [0.5, 0.5]
    assert [member["name"] for member in metadata["ensemble"]["members"]] == ["one", "two"]
    assert (metadata["also_learned_from"], "more" in metadata) == (["ISIC_2017"], False)
    assert "and through its members also ISIC_2017." in (out / "README.md").read_text()


def test_bundles_that_do_not_belong_together(copies: list[Path], tmp_path: Path) -> None:
    bundles = [load_bundle(folder) for folder in copies]
    with pytest.raises(InputError, match="at least 2 bundles"):
        shared_predictions(bundles[:1])
    other = replace(bundles[1], metadata=bundles[1].metadata | {"edge": 64})
    with pytest.raises(InputError, match="differ in edge"):
        shared_predictions([bundles[0], other])
    path = copies[1] / "predictions" / "out_of_fold.csv.gz"
    rows = pd.read_csv(path)
    rows.assign(part=1 - rows["part"]).to_csv(path, index=False)
    with pytest.raises(InputError, match="in different folds"):
        shared_predictions(bundles)
    rows.assign(image_id="other_" + rows["image_id"]).to_csv(path, index=False)
    with pytest.raises(InputError, match="no out-of-fold photo in common"):
        shared_predictions(bundles)
    with pytest.raises(InputError, match="exists"):
        make_ensemble(bundles, "one", "1.0.0", copies[0])
