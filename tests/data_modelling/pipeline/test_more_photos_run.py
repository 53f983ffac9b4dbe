"""The road with photos of another set beside the data set's own: drawn lesions as HAM10000 and as ISIC 2020."""

import dataclasses
import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from msgspec import structs

from data_modelling import evaluate
from data_modelling.datasets.formats.synthetic_lesions import write_synthetic_lesions
from data_modelling.datasets.splits.assignment import read_split, training_masks
from data_modelling.datasets.splits.files import write_splits
from data_modelling.inference.bundle import write_checksums
from data_modelling.inference.details import Details, encode_details
from data_modelling.inference.diagnoses import class_codes
from data_modelling.inference.errors import InputError
from data_modelling.metrics.predictions import read_predictions
from data_modelling.pipeline import run_networks
from data_modelling.pipeline.work_folder import work_folder
from data_modelling.safety import gate
from data_modelling.settings import Settings, read_settings
from data_modelling.training import development_set
from tests.conftest import PROJECT
from tests.data_modelling.isic_sets import write_isic2020
from tests.data_modelling.whole_run import ONE_BATCH, train_whole_run

TASK = "ham10000"


@pytest.fixture(scope="module")
def settings() -> Settings:
    smoke = read_settings(PROJECT / "data_modelling" / "configs" / "smoke.toml")
    return structs.replace(
        smoke,
        split=TASK,
        generated_lesions=0,
        more_photos=("isic2020",),
        training=structs.replace(smoke.training, epochs=1, batch=ONE_BATCH),
    )


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> development_set.DataFolders:
    root = tmp_path_factory.mktemp("more")
    write_synthetic_lesions(root / "data", lesions=200, seed=5)
    write_isic2020(root / "data")
    (root / "splits").mkdir()
    write_splits(root / "data", root / "splits")
    return development_set.DataFolders(root / "data", root / "splits")


@pytest.fixture(scope="module")
def bundle(
    settings: Settings, folders: development_set.DataFolders, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    out = tmp_path_factory.mktemp("bundle") / "more"
    train_whole_run(settings, folders, out)
    return out


def test_photos_of_extra_sets_are_predicted_by_networks_that_saw_none_of_their_fold(
    settings: Settings, folders: development_set.DataFolders, bundle: Path
) -> None:
    """The file has ISIC 2020's photos of fold 0 and no other, with the logits of the network that left the fold out."""
    predictions = read_predictions(bundle / "predictions" / "more.csv.gz").set_index("image_id")
    parts = read_split(folders.splits / "isic2020.csv")
    assert sorted(predictions.index) == sorted(parts.loc[parts["part"] == "0", "image_id"])
    network = keras.saving.load_model(work_folder(bundle) / "fold0" / "network.keras", compile=False)
    development, _ = development_set.load_development_set(settings, folders, work_folder(bundle))
    row = int(np.flatnonzero(development.combined_table()["image_id"] == predictions.index[3])[0])
    inputs = {
        "photo": development.pixels[row][None].astype("float32"),
        "details": encode_details(Details())[None],
    }
    columns = [f"photo_{code}" for code in class_codes(TASK)]
    np.testing.assert_allclose(
        predictions.iloc[3][columns].astype(float), np.asarray(network(inputs)["logits"])[0], atol=1e-3
    )


def test_a_run_is_not_resumed_on_another_split(
    settings: Settings, folders: development_set.DataFolders, bundle: Path, tmp_path: Path
) -> None:
    """With one lesion of fold 1 moved to fold 0: fold 0's finished network has learned from it."""
    work = tmp_path / "bundle.work"
    shutil.copytree(work_folder(bundle), work)
    run_networks.train_networks(settings, folders, work, ["fold0"], resume=True)
    splits = tmp_path / "splits"
    shutil.copytree(folders.splits, splits)
    parts = pd.read_csv(splits / f"{TASK}.csv", dtype=str)
    moved = parts["group_id"] == parts.loc[parts["part"] == "1", "group_id"].iloc[0]
    parts.assign(part=parts["part"].mask(moved, "0")).to_csv(splits / f"{TASK}.csv", index=False)
    with pytest.raises(InputError, match=r"bundle\.work/fold0 began with other training photos"):
        run_networks.train_networks(
            settings, dataclasses.replace(folders, splits=splits), work, ["fold0"], resume=True
        )


def test_bundle_and_card_tell_what_else_was_learned_from(
    bundle: Path, folders: development_set.DataFolders
) -> None:
    metadata = json.loads((bundle / "metadata.json").read_text())
    truth = pd.read_csv(next((folders.data_root / "ISIC_2020").glob("*GroundTruth.csv")))
    assert metadata["more"]["ISIC_2020"]["photos"] == len(truth)
    assert metadata["more"]["ISIC_2020"]["counts"]["MEL"] == truth["target"].sum()
    assert metadata["data"]["sources"] == ["HAM10000"]
    own = pd.read_csv(bundle / "predictions" / "out_of_fold.csv.gz")
    assert set(own["source"]) == {"HAM10000"}  # no figure and no choice is of the other set's photos
    card = (bundle / "README.md").read_text()
    assert f"- {len(truth):,} more photos of ISIC_2020: " in card
    assert "Rotemberg et al. 2021" in card


def test_as_an_external_source_those_photos_are_evaluated_out_of_fold(
    bundle: Path, folders: development_set.DataFolders, capsys: pytest.CaptureFixture[str]
) -> None:
    kept, moved = (bundle / "predictions" / name for name in ("more.csv.gz", "elsewhere.csv.gz"))
    more = read_predictions(kept).set_index("image_id")
    places = ["--data-root", str(folders.data_root), "--splits", str(folders.splits)]
    command = ["--bundle", str(bundle), *places, "--elsewhere"]
    assert evaluate.main(command) == 3  # the other sets are not there
    elsewhere = pd.read_csv(moved).set_index("image_id")
    assert not kept.exists()
    written = moved.read_bytes()
    assert evaluate.main(command) == 3  # again, from what the first wrote
    assert moved.read_bytes() == written
    images = folders.data_root / "ISIC_2020"
    images.rename(images.with_name("away"))
    try:
        assert evaluate.main(command) == 2
        assert "elsewhere.csv.gz has their predictions, so it was not changed" in capsys.readouterr().err
    finally:
        images.with_name("away").rename(images)
    assert moved.read_bytes() == written
    assert set(elsewhere.index) <= set(more.index)
    columns = [f"{mode}_{code}" for mode in ("photo", "both") for code in class_codes(TASK)]
    np.testing.assert_allclose(elsewhere[columns], more.loc[elsewhere.index, columns], atol=0.006)
    values = json.loads((bundle / "metrics.json").read_text())
    assert values["elsewhere"]["ISIC_2020"]["learned_from"] is True
    card = (bundle / "README.md").read_text()
    assert "The network was also trained on photos of ISIC_2020" in card


def test_the_table_of_clinics_keeps_the_predictions_that_it_reads(
    bundle: Path, folders: development_set.DataFolders, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All sources that are there trained this bundle, so that none is left to predict."""
    copy = Path(shutil.copytree(bundle, tmp_path / "clinics"))
    extra = copy / "predictions" / "more.csv.gz"
    shutil.copyfile(work_folder(bundle) / "more.csv.gz", extra)
    (copy / "predictions" / "left_out_clinics.csv.gz").touch()
    write_checksums(copy)
    places = ["--data-root", str(folders.data_root), "--splits", str(folders.splits)]
    assert evaluate.main(["--bundle", str(copy), *places, "--elsewhere"]) == 2
    assert "No external source is available" in capsys.readouterr().err
    assert extra.read_bytes() == (work_folder(bundle) / "more.csv.gz").read_bytes()


def test_as_an_external_source_those_photos_are_refused_by_the_gate_that_saw_none_of_the_fold(
    bundle: Path, folders: development_set.DataFolders, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What more.csv.gz says of the gate is turned round, photo by photo; the quality checks' refusals stay.

    One from before the folds' gates were asked is refused.
    """
    copy = tmp_path / "more"
    shutil.copytree(bundle, copy)
    command = ["--bundle", str(copy), "--data-root", str(folders.data_root), "--splits", str(folders.splits)]
    kept, moved = (copy / "predictions" / name for name in ("more.csv.gz", "elsewhere.csv.gz"))
    predictions = pd.read_csv(work_folder(bundle) / "more.csv.gz", dtype=str, keep_default_na=False)
    other = {"": "photo_foreign", "photo_foreign": ""}
    predictions.to_csv(kept, index=False)
    evaluate.main([*command, "--elsewhere"])
    before = pd.read_csv(moved, dtype=str, keep_default_na=False).set_index("image_id")["refusals"]
    predictions.assign(refusals=predictions["refusals"].map(other)).to_csv(kept, index=False)
    evaluate.main([*command, "--elsewhere"])
    after = pd.read_csv(moved, dtype=str, keep_default_na=False).set_index("image_id")["refusals"]
    assert after.to_dict() == {photo: other.get(codes, codes) for photo, codes in before.items()}
    assert "photo_foreign" in {*before, *after}
    predictions.drop(columns="refusals").to_csv(kept, index=False)
    written = moved.read_bytes()
    assert evaluate.main([*command, "--elsewhere"]) == 2
    assert "more.csv.gz lacks the column refusals" in capsys.readouterr().err
    assert moved.read_bytes() == written


def test_photos_of_other_sets_train_without_the_fold_and_stop_nothing(
    settings: Settings, folders: development_set.DataFolders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What each network is fitted on, taken from the call: own and other photos outside the fold, the rest nowhere."""
    run = run_networks.open_run(settings, folders, tmp_path)
    development, fitted = run.development, []
    monkeypatch.setattr(
        run_networks, "fit_network", lambda _settings, *parts, **_absent: fitted.append(parts[:2])
    )
    run_networks.run_network(run, "fold2")
    (training, stopping), own = fitted[0], len(development.table)
    learned = development.combined_table()
    assert (learned["part"][training.rows] != "2").all()
    assert stopping.rows.max() < own
    np.testing.assert_array_equal(training.is_own, training.rows < own)
    ours = np.flatnonzero(development.table["part"] != "2")
    assert sorted([*training.rows[training.rows < own], *stopping.rows]) == ours.tolist()
    others_outside = np.flatnonzero(learned["part"] != "2")
    np.testing.assert_array_equal(training.rows[training.rows >= own], others_outside[others_outside >= own])
    # Each row's pixels are its own photo's: the same as those read from its file.
    row = int(training.rows[-1])
    edge = settings.network.edge
    np.testing.assert_array_equal(
        development.pixels[row], development_set.stored_photo.read_pixels(learned["path"][row], edge)
    )


def test_the_gate_knows_those_photos_and_judges_those_of_its_fold(
    settings: Settings,
    folders: development_set.DataFolders,
    bundle: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """How many photos each gate is fitted on, how many set its threshold, and which it judges, counted by the split."""
    development, _ = development_set.load_development_set(settings, folders, tmp_path)
    fitted = []
    real = gate.fit_gate
    monkeypatch.setattr(
        gate,
        "fit_gate",
        lambda known, labels, stopping: (
            fitted.append((len(labels), len(stopping.image_features))) or real(known, labels, stopping)
        ),
    )
    table, more = development.table, development.extra_table
    assert more is not None
    _, scores = gate.fit_served_gate(settings, development, work_folder(bundle))
    outside = (table["part"] != "0").to_numpy()
    expected = []
    for own, others in ((outside, (more["part"] != "0").sum()), (outside | True, len(more))):
        stopping = training_masks(table, own, settings.seed)[1].sum()
        expected.append((own.sum() - stopping + others, stopping))
    assert fitted == expected
    others_inside = more.loc[more["part"] == "0", "image_id"]
    assert sorted(scores["image_id"]) == sorted([*table.loc[~outside, "image_id"], *others_inside])
    assert set(scores.loc[~scores["own"], "image_id"]) == set(others_inside)
