import json
import os
import shutil
import signal
import subprocess
import time
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from msgspec import structs

from data_modelling.datasets.splits.assignment import fold_mask, read_split
from data_modelling.datasets.table import encode_table
from data_modelling.evaluation.details_controls import details_alone, permute_between_groups
from data_modelling.inference.bundle import load_bundle
from data_modelling.inference.errors import InputError
from data_modelling.metrics.predictions import read_predictions
from data_modelling.pipeline import run_networks, training_run
from data_modelling.pipeline.bundle_metadata import calibration_choices
from data_modelling.pipeline.work_folder import open_work_folder, work_folder
from data_modelling.settings import Settings, read_settings, settings_to_dict
from data_modelling.training import development_set
from data_modelling.training.checkpoint import load_checkpoint
from tests.conftest import PROJECT, train_command
from tests.data_modelling.pipeline.test_publication import PLOTS
from tests.data_modelling.whole_run import train_whole_run

SMOKE = PROJECT / "data_modelling" / "configs" / "smoke.toml"
PATIENCE = 120  # seconds that a test waits for a process before it gives up


def work(out: Path) -> Path:
    return work_folder(out)


def test_the_bundle_holds_all_that_the_interface_names(smoke_run: Path) -> None:
    bundle = load_bundle(smoke_run)
    for name in ("model.keras", "model.onnx", "metadata.json", "metrics.json", "README.md", "SHA256SUMS"):
        assert (smoke_run / name).is_file()
    assert {path.name for path in (smoke_run / "predictions").iterdir()} == {
        "gate.csv",
        "out_of_fold.csv.gz",
        "shortcuts.csv.gz",
    }
    plots = {path.stem for path in (smoke_run / "plots").iterdir()}
    assert plots == set(PLOTS)
    assert bundle.metadata["settings"]["training"]["epochs"] == 6
    assert bundle.metadata["data"]["sources"] == ["generated lesions"]


def test_out_of_fold_predictions_are_of_the_whole_fold_and_of_nothing_else(smoke_run: Path) -> None:
    parts = read_split(work(smoke_run) / "generated" / "smoke.csv")
    predicted = pd.read_csv(smoke_run / "predictions" / "out_of_fold.csv.gz")
    assert sorted(predicted["image_id"]) == sorted(parts.loc[parts["part"] == "0", "image_id"])


@pytest.fixture
def folds(smoke_run: Path, tmp_path: Path) -> run_networks.Run:
    """The smoke run in a copy of its work folder."""
    folder = Path(shutil.copytree(work(smoke_run), tmp_path / "smoke.work"))
    return run_with_lesions(read_settings(SMOKE), folder / "generated", folder)


def run_with_lesions(settings: Settings, generated: Path, folder: Path) -> run_networks.Run:
    """A run on lesions that were drawn before."""
    folders = development_set.DataFolders(generated, generated)
    return run_networks.Run(
        settings, folders, folder, *development_set.load_development_set(settings, folders, folder)
    )


def test_predictions_of_before_there_were_controls_are_completed_without_training(
    folds: run_networks.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folds.work / "fold0" / "predictions.csv"
    whole = path.read_bytes()
    table = pd.read_csv(path, dtype=str)
    table[[name for name in table if not name.startswith(("details_", "shuffled_"))]].to_csv(
        path, index=False
    )
    monkeypatch.setattr(run_networks, "fit_network", lambda *_: pytest.fail("trained again"))
    predictions = training_run._predict_fold(folds, 0)
    before = pd.read_csv(BytesIO(whole), dtype={"part": str})
    pd.testing.assert_frame_equal(predictions, before, check_dtype=False, atol=6e-3)


def test_shuffled_predictions_are_those_with_another_lesions_details(folds: run_networks.Run) -> None:
    """Each photo is predicted by itself with the details of the row that `permute_between_groups` names."""
    folder, development = folds.work, folds.development
    network = run_networks.run_network(folds, "fold0")
    inside = fold_mask(development.table, 0)
    part, pixels = development.table[inside], development.pixels[inside]
    donors = permute_between_groups(part["group_id"])
    assert (part["group_id"].to_numpy()[donors] != part["group_id"].to_numpy()).all()
    predicted = pd.read_csv(folder / "fold0" / "predictions.csv").set_index("image_id")
    for row in (0, 5):
        inputs = {
            "photo": pixels[row][None].astype("float32"),
            "details": encode_table(part.iloc[[donors[row]]]),
        }
        saved = predicted.loc[part["image_id"].iloc[row]].filter(like="shuffled_").to_numpy(float)
        np.testing.assert_allclose(saved, network.predict_on_batch(inputs)["logits"][0], atol=6e-3)


def test_the_details_alone_are_fitted_on_the_other_folds(folds: run_networks.Run) -> None:
    folder, development = folds.work, folds.development
    inside = fold_mask(development.table, 0)
    expected = details_alone(development.table[~inside], development.table[inside], "ham10000")
    predicted = pd.read_csv(folder / "fold0" / "predictions.csv").filter(like="details_")
    order = np.argsort(development.table["image_id"][inside].to_numpy())
    np.testing.assert_allclose(predicted.to_numpy(), expected[order], atol=6e-3)


def test_without_outlines_the_shortcuts_are_not_tested(folds: run_networks.Run) -> None:
    predictions = read_predictions(folds.work / "fold0" / "predictions.csv")
    choices = calibration_choices(folds.settings, folds.development.table, predictions)
    assert training_run._run_shortcut_tests(folds, choices) == folds.work / "shortcuts"
    shutil.rmtree(folds.work / "generated" / "HAM10000_segmentations_lesion")
    assert training_run._run_shortcut_tests(folds, choices) is None


def test_no_photo_of_the_locked_test_is_decoded(
    smoke_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded = []
    real = development_set.stored_photo.read_pixels
    monkeypatch.setattr(
        development_set.stored_photo,
        "read_pixels",
        lambda path, edge: decoded.append(Path(path).stem) or real(path, edge),
    )
    folder = work(smoke_run) / "generated"
    development, _ = development_set.load_development_set(
        read_settings(SMOKE), development_set.DataFolders(folder, folder), tmp_path
    )
    parts = read_split(folder / "smoke.csv")
    assert sorted(decoded) == sorted(parts.loc[parts["part"] != "test", "image_id"])
    assert set(development.table["part"]) == {"0", "1", "2", "3", "4"}


def test_fit_sees_neither_the_fold_nor_the_test_and_stops_on_other_lesions(
    smoke_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, settings = work(smoke_run) / "generated", read_settings(SMOKE)
    run = run_with_lesions(settings, folder, tmp_path)
    development, seen = run.development, {}
    monkeypatch.setattr(
        run_networks,
        "fit_network",
        lambda _s, training, stopping, *_, **_absent: seen.update(t=training, s=stopping),
    )
    inside = (development.table["part"] == "0").to_numpy()
    run_networks.load_or_fit_network(run, "fold0", lambda table: (table["part"] != "0").to_numpy())
    groups = development.table["group_id"].to_numpy()
    training, stopping, fold = (set(groups[rows]) for rows in (seen["t"].rows, seen["s"].rows, inside))
    assert not training & stopping
    assert not (training | stopping) & fold
    assert training | stopping | fold == set(groups)
    assert len(seen["s"]) == pytest.approx(0.1 * (~inside).sum(), abs=6)


def test_too_few_photos_to_stop_a_training_are_one_sentence(smoke_run: Path, tmp_path: Path) -> None:
    folder, settings = work(smoke_run) / "generated", read_settings(SMOKE)
    run = run_with_lesions(settings, folder, tmp_path)
    with pytest.raises(
        InputError, match="0 would train a network and 0 would decide when the training stops; each"
    ):
        run_networks.load_or_fit_network(run, "none", lambda table: np.zeros(len(table), bool))


def test_a_group_planted_in_two_parts_is_refused(smoke_run: Path, tmp_path: Path) -> None:
    folder = work(smoke_run) / "generated"
    split = read_split(folder / "smoke.csv")
    twin = split[split["group_id"].duplicated(keep=False)].iloc[0]
    split.loc[split["image_id"] == twin["image_id"], "part"] = "test" if twin["part"] != "test" else "0"
    split.to_csv(tmp_path / "smoke.csv", index=False)
    with pytest.raises(InputError, match=f"1 groups in two parts .*{twin['group_id']}"):
        development_set.load_development_set(
            read_settings(SMOKE), development_set.DataFolders(folder, tmp_path), tmp_path
        )


def test_a_group_that_the_split_file_hides_is_refused_by_the_tables_own_groups(
    smoke_run: Path, tmp_path: Path
) -> None:
    folder = work(smoke_run) / "generated"
    split = read_split(folder / "smoke.csv")
    twin = split[split["group_id"].duplicated(keep=False)].iloc[0]
    here = split["image_id"] == twin["image_id"]
    split.loc[here, ["group_id", "part"]] = ["alone", "test" if twin["part"] != "test" else "0"]
    split.to_csv(tmp_path / "smoke.csv", index=False)
    with pytest.raises(InputError, match="in two parts"):
        development_set.load_development_set(
            read_settings(SMOKE), development_set.DataFolders(folder, tmp_path), tmp_path
        )


def test_killed_and_resumed_it_ends_with_the_weights_of_the_unbroken_run(
    smoke_run: Path, tmp_path: Path
) -> None:
    out = tmp_path / "smoke"
    process = subprocess.Popen(train_command(out), cwd=PROJECT, stderr=subprocess.DEVNULL)
    checkpoint = work(out) / "fold0" / "checkpoint.npz"
    end = time.monotonic() + PATIENCE
    while not checkpoint.exists() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert len(load_checkpoint(checkpoint)[0].history) < 6, "killed too late to show anything"
    assert not out.exists()
    refused = subprocess.run(train_command(out), cwd=PROJECT, capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "--resume" in refused.stderr
    done = subprocess.run(train_command(out, "--resume"), cwd=PROJECT, capture_output=True, check=False)
    assert done.returncode == 0
    load_bundle(out)
    for stage in ("fold0", "served"):
        _, broken = load_checkpoint(work(out) / stage / "checkpoint.npz")
        _, unbroken = load_checkpoint(work(smoke_run) / stage / "checkpoint.npz")
        for name, arrays in unbroken.items():
            for one, other in zip(broken[name], arrays, strict=True):
                np.testing.assert_allclose(one, other, atol=1e-6)
    same = ("metrics.json", "predictions/out_of_fold.csv.gz", "history.json")
    assert all((out / name).read_bytes() == (smoke_run / name).read_bytes() for name in same)


def test_ctrl_c_ends_with_130_and_one_sentence(tmp_path: Path) -> None:
    out = tmp_path / "smoke"
    process = subprocess.Popen(train_command(out), cwd=PROJECT, stderr=subprocess.PIPE, text=True)
    started = work(out) / "photos.json"
    end = time.monotonic() + PATIENCE
    while not started.exists() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "Traceback" not in stderr
    assert "--resume" in stderr


def test_a_finished_bundle_is_never_written_over(smoke_run: Path) -> None:
    done = subprocess.run(train_command(smoke_run), cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "exists" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_run_is_not_resumed_with_other_settings(tmp_path: Path) -> None:
    out = tmp_path / "smoke"
    work(out).mkdir()
    (work(out) / "settings.json").write_text(json.dumps({"seed": 99}))
    with pytest.raises(InputError, match="other settings"):
        open_work_folder(work(out), read_settings(SMOKE), resume=True)


def test_a_run_is_resumed_with_more_folds_and_another_version(tmp_path: Path) -> None:
    out = tmp_path / "smoke"
    begun = read_settings(SMOKE)
    open_work_folder(work(out), begun, resume=False)
    more = structs.replace(begun, version="9.9", figure_folds=(0, 1, 2, 3, 4))
    open_work_folder(work(out), more, resume=True)
    assert json.loads((work(out) / "settings.json").read_text())["version"] == "9.9"


def test_a_run_that_was_started_before_a_setting_existed_is_resumed(tmp_path: Path) -> None:
    out, settings = tmp_path / "smoke", read_settings(SMOKE)
    noted = json.loads(json.dumps(settings_to_dict(settings)))
    del noted["prepared"], noted["network"]["name"], noted["training"]["photos_a_class"]
    work(out).mkdir()
    (work(out) / "settings.json").write_text(json.dumps(noted))
    open_work_folder(work(out), settings, resume=True)
    assert json.loads((work(out) / "settings.json").read_text())["training"]["photos_a_class"] == 0


@pytest.mark.parametrize(
    ("config", "environment", "message"),
    [
        ("ham10000.toml", {"DATA_ROOT": "/nowhere"}, "HAM10000 is not there"),
        ("absent.toml", {}, "no configuration"),
    ],
)
def test_what_is_missing_is_told_in_one_sentence(
    tmp_path: Path, config: str, environment: dict[str, str], message: str
) -> None:
    command = train_command(tmp_path / "out")
    command[command.index("--config") + 1] = str(SMOKE.with_name(config))
    done = subprocess.run(
        command, cwd=PROJECT, env=os.environ | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_the_smoke_run_passes_on_jax(tmp_path: Path) -> None:
    out = tmp_path / "smoke"
    environment = os.environ | {"KERAS_BACKEND": "jax"}
    done = subprocess.run(
        train_command(out), cwd=PROJECT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    load_bundle(out)


@pytest.fixture
def taught(tmp_path: Path) -> Settings:
    """A recipe of one epoch and its teacher's, of one epoch and another size of photo; an epoch is one batch."""
    recipe = tmp_path / "tutor.toml"
    short = SMOKE.read_text().replace("epochs = 6", "epochs = 1").replace("batch = 16", "batch = 1024")
    recipe.write_text(short.replace('name = "smoke"', 'name = "tutor"').replace("edge = 32", "edge = 48"))
    settings = read_settings(SMOKE)
    training = structs.replace(settings.training, epochs=1, batch=1024, teachers=(str(recipe),))
    return structs.replace(settings, training=training)


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The networks that are trained, as RUN.work/NETWORK, one after another."""
    names: list[str] = []
    real = run_networks.fit_network
    monkeypatch.setattr(
        run_networks,
        "fit_network",
        lambda *arguments, **absent: (
            names.append(f"{arguments[3].parent.name}/{arguments[3].name}") or real(*arguments, **absent)
        ),
    )
    return names


@pytest.mark.slow
def test_a_teacher_that_is_a_recipe_is_trained_first_and_once(
    taught: Settings, tmp_path: Path, trained: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = development_set.DataFolders(tmp_path, tmp_path)
    train_whole_run(taught, nowhere, tmp_path / "runs" / "pupil")
    assert trained == ["tutor.work/fold0", "tutor.work/served", "pupil.work/fold0", "pupil.work/served"]
    assert f"The networks of {tmp_path / 'tutor.toml'} are trained first" in capsys.readouterr().out
    assert load_bundle(tmp_path / "runs" / "pupil").metadata["settings"]["training"]["teachers"] == [
        str(tmp_path / "tutor.toml")
    ]
    run_networks.train_networks(taught, nowhere, tmp_path / "runs" / "other.work", ["fold0"], resume=False)
    assert trained[4:] == ["other.work/fold0"]


def test_networks_trained_by_name_are_those_that_the_whole_run_goes_on_with(
    taught: Settings, tmp_path: Path, trained: list[str]
) -> None:
    nowhere, out = development_set.DataFolders(tmp_path, tmp_path), tmp_path / "runs" / "pupil"
    assert run_networks.train_networks(taught, nowhere, work(out), ["served"], resume=False).left_out == []
    assert trained == ["tutor.work/served", "pupil.work/served"]
    assert not out.exists()
    served = (work(out) / "served" / "network.keras").read_bytes()
    train_whole_run(taught, nowhere, out, resume=True)
    assert trained[2:] == ["tutor.work/fold0", "pupil.work/fold0"]
    assert (work(out) / "served" / "network.keras").read_bytes() == served
    load_bundle(out)


def test_a_network_that_a_recipe_has_not_is_refused_by_name_before_anything_is_written(
    tmp_path: Path,
) -> None:
    done = subprocess.run(
        [*train_command(tmp_path / "out"), "--only", "fold0", "fold7"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "no network 'fold7'; it has fold0, served" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_teacher_of_another_split_is_refused_before_it_is_trained(taught: Settings, tmp_path: Path) -> None:
    recipe = tmp_path / "tutor.toml"
    recipe.write_text(recipe.read_text().replace('split = "smoke"', 'split = "else"'))
    with pytest.raises(InputError, match=r"tutor\.toml has another split"):
        train_whole_run(taught, development_set.DataFolders(tmp_path, tmp_path), tmp_path / "runs" / "pupil")
    assert not (tmp_path / "runs" / "tutor.work").exists()
