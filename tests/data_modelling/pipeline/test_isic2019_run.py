"""The road of a task that has a class without photos: ISIC 2019's csv files over drawn lesions."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from msgspec import structs

from data_modelling.datasets.formats.synthetic_lesions import write_synthetic_lesions
from data_modelling.datasets.splits.files import write_splits
from data_modelling.inference.bundle import load_bundle
from data_modelling.inference.decision import calibrated_probabilities
from data_modelling.inference.details import Details
from data_modelling.inference.diagnoses import class_codes
from data_modelling.inference.errors import InputError
from data_modelling.inference.predictor import Predictor
from data_modelling.metrics.predictions import read_predictions
from data_modelling.pipeline import run_networks
from data_modelling.pipeline.work_folder import work_folder
from data_modelling.settings import Settings, read_settings
from data_modelling.training import development_set
from tests.conftest import PROJECT
from tests.data_modelling.isic_sets import write_isic2019
from tests.data_modelling.whole_run import ONE_BATCH, train_whole_run

TASK = "isic2019"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, development_set.DataFolders, Path]:
    """Settings, sources and bundle of a run of one epoch a network."""
    root = tmp_path_factory.mktemp("isic")
    write_synthetic_lesions(root / "data", lesions=200, seed=3)
    write_isic2019(root / "data")
    (root / "splits").mkdir()
    shutil.copyfile(PROJECT / "DATA" / "splits" / "isic2017.csv", root / "splits" / "isic2017.csv")
    write_splits(root / "data", root / "splits")
    smoke = read_settings(PROJECT / "data_modelling" / "configs" / "smoke.toml")
    settings = structs.replace(
        smoke,
        task=TASK,
        dataset=TASK,
        split=TASK,
        generated_lesions=0,
        left_out=("BCC", "VASC"),
        training=structs.replace(smoke.training, epochs=1, batch=ONE_BATCH),
    )
    sources = development_set.DataFolders(root / "data", root / "splits")
    train_whole_run(settings, sources, root / "bundle")
    return settings, sources, root / "bundle"


def test_the_bundle_answers_with_nine_columns(
    run: tuple[Settings, development_set.DataFolders, Path],
) -> None:
    _, sources, out = run
    predictor = Predictor(load_bundle(out))
    table = pd.read_csv(sources.data_root / "HAM10000_metadata.csv")
    path = sources.data_root / "HAM10000_images_part_1_and_2" / f"{table['image_id'][0]}.jpg"
    probabilities = predictor.answer(path.read_bytes(), Details()).probabilities
    assert tuple(probabilities) == class_codes(TASK)
    assert sum(probabilities.values()) == pytest.approx(1)
    assert 0 < probabilities["UNK"] < 1
    assert predictor.bundle.metadata["data"]["counts"]["UNK"] == 0


def test_out_of_fold_probabilities_are_those_of_the_score(
    run: tuple[Settings, development_set.DataFolders, Path],
) -> None:
    """Of every photo, from the gate's distances and the logits of the other classes."""
    _, _, out = run
    metadata = json.loads((out / "metadata.json").read_text())
    predictions = read_predictions(out / "predictions" / "out_of_fold.csv.gz")
    distances = pd.read_csv(out / "predictions" / "gate.csv").set_index("image_id")["distance"]
    logits = predictions[[f"photo_{code}" for code in class_codes(TASK)]].to_numpy()
    probability = calibrated_probabilities(logits, metadata["temperature"])[:, -1]
    among = calibrated_probabilities(logits[:, :-1], metadata["temperature"])
    entropy = -(among * np.log(among)).sum(axis=1)
    weights = metadata["unknown"]["weights"]
    score = (
        weights["bias"]
        + weights["distance"] * distances[predictions["image_id"]].to_numpy()
        + weights["entropy"] * entropy
    )
    np.testing.assert_allclose(probability, 1 / (1 + np.exp(-score)), atol=2e-3)


def test_each_class_was_left_out_of_its_network(
    run: tuple[Settings, development_set.DataFolders, Path],
) -> None:
    _, _, out = run
    rows = pd.read_csv(out / "predictions" / "left_out.csv")
    parts = read_predictions(out / "predictions" / "out_of_fold.csv.gz").set_index("image_id")
    for code, of_class in rows.groupby("left_out"):
        assert sorted(of_class["image_id"]) == sorted(parts.index)
        assert (of_class["known"] == (of_class["truth"] != code)).all()
    figures = json.loads((out / "metrics.json").read_text())["unknown"]
    assert list(figures["classes"]) == ["BCC", "VASC"]
    assert "### None of the classes" in (out / "README.md").read_text()


def test_nothing_is_trained_again(
    run: tuple[Settings, development_set.DataFolders, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, sources, out = run
    shutil.copytree(work_folder(out), tmp_path / "again.work")
    monkeypatch.setattr(run_networks, "fit_network", lambda *_: pytest.fail("trained again"))
    train_whole_run(settings, sources, tmp_path / "again", resume=True)
    first, second = (
        json.loads((folder / "metadata.json").read_text())["unknown"] for folder in (out, tmp_path / "again")
    )
    assert first == second


def test_classes_to_leave_out_belong_to_such_a_task() -> None:
    smoke = read_settings(PROJECT / "data_modelling" / "configs" / "smoke.toml")
    with pytest.raises(InputError, match="left_out must name classes"):
        structs.replace(smoke, task=TASK)
    with pytest.raises(InputError, match="left_out must be empty for the task ham10000"):
        structs.replace(smoke, left_out=("BCC",))
    with pytest.raises(InputError, match="left_out must name classes"):
        structs.replace(smoke, task=TASK, left_out=("UNK",))
