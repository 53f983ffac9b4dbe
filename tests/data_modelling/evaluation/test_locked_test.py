import csv
import hashlib
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from data_modelling import evaluate
from data_modelling.datasets.splits.assignment import read_split
from data_modelling.inference.bundle import load_bundle, write_checksums
from data_modelling.pipeline.work_folder import work_folder


@pytest.fixture
def data(smoke_run: Path, tmp_path: Path) -> Path:
    """The generated lesions with their split; openings are recorded in this copy."""
    return Path(shutil.copytree(work_folder(smoke_run) / "generated", tmp_path / "generated"))


def evaluated(bundle: Path, data: Path, *options: str) -> int:
    arguments = ["--bundle", str(bundle), "--data-root", str(data), "--splits", str(data), *options]
    return evaluate.main(arguments)


def record(data: Path) -> list[dict[str, str]]:
    with (data / "smoke.openings.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def change_metadata(bundle: Path) -> None:
    metadata = json.loads((bundle / "metadata.json").read_text())
    (bundle / "metadata.json").write_text(json.dumps(metadata | {"version": "0.0.2"}))
    write_checksums(bundle)


def test_without_the_flag_the_test_stays_closed(smoke_bundle: Path, data: Path) -> None:
    assert evaluated(smoke_bundle, data) == 0
    assert not (data / "smoke.openings.csv").exists()
    assert "locked_test" not in json.loads((smoke_bundle / "metrics.json").read_text())


def test_an_opening_predicts_the_locked_photos_and_is_on_record(smoke_bundle: Path, data: Path) -> None:
    assert evaluated(smoke_bundle, data, "--open-test", "--reason", "a test, with a comma") == 0
    split = read_split(data / "smoke.csv")
    predicted = pd.read_csv(smoke_bundle / "predictions" / "locked_test.csv")
    assert sorted(predicted["image_id"]) == sorted(split.loc[split["part"] == "test", "image_id"])
    bundle = load_bundle(smoke_bundle)
    assert bundle.metrics["locked_test"]["photos"] == len(predicted)
    (row,) = record(data)
    assert row["reason"] == "a test, with a comma"
    assert row["model_sha256"] == bundle.sha256
    assert "locked test, " in (smoke_bundle / "README.md").read_text()


def test_locked_photos_that_are_gone_are_named(
    smoke_bundle: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The test is opened only once, so nobody may believe that the results are those of all its photos."""
    split = read_split(data / "smoke.csv")
    gone = split.loc[split["part"] == "test", "image_id"].iloc[0]
    next(data.rglob(f"{gone}.jpg")).unlink()
    assert evaluated(smoke_bundle, data, "--open-test", "--reason", "first") == 3
    assert f"locked photos gone: 1 ({gone})" in capsys.readouterr().err


def test_a_second_opening_of_the_same_bundle_is_refused(
    smoke_bundle: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluated(smoke_bundle, data, "--open-test", "--reason", "first") == 0
    assert evaluated(smoke_bundle, data, "--open-test", "--reason", "second") == 2
    assert "opened the locked test on" in capsys.readouterr().err
    assert len(record(data)) == 1


def test_an_opening_needs_a_reason(
    smoke_bundle: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluated(smoke_bundle, data, "--open-test") == 2
    assert "--reason" in capsys.readouterr().err
    assert not (data / "smoke.openings.csv").exists()


def test_an_altered_bundle_is_not_evaluated(
    smoke_bundle: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (smoke_bundle / "model.onnx").write_bytes(b"altered")
    assert evaluated(smoke_bundle, data) == 2
    assert "model.onnx" in capsys.readouterr().err


def test_the_files_with_hashes_on_record_stay_unchanged(smoke_bundle: Path, data: Path) -> None:
    """The hash is the file's as it lies there afterwards, so that anyone can check it."""
    before = {name: (smoke_bundle / name).read_bytes() for name in ("model.onnx", "metadata.json")}
    assert evaluated(smoke_bundle, data, "--open-test", "--reason", "first") == 0
    assert evaluated(smoke_bundle, data) == 0
    (row,) = record(data)
    for name, column in (("model.onnx", "model_sha256"), ("metadata.json", "metadata_sha256")):
        assert (smoke_bundle / name).read_bytes() == before[name]
        assert row[column] == hashlib.sha256(before[name]).hexdigest()


def test_the_opening_reaches_metrics_plots_and_card(smoke_bundle: Path, data: Path) -> None:
    assert evaluated(smoke_bundle, data, "--open-test", "--reason", "first") == 0
    values = json.loads((smoke_bundle / "metrics.json").read_text())
    assert values["openings"] == {"rows": record(data), "changed": []}
    assert set(values["fit_to_served"]) == {"photo", "both", "temperature", "thresholds"}
    assert all(bar["met"] is not None for bar in values["bars"])
    assert (smoke_bundle / "plots" / "locked_test.png").is_file()
    assert "This was the first opening of the test." in (smoke_bundle / "README.md").read_text()


def test_a_second_opening_is_reported_as_such(smoke_bundle: Path, data: Path) -> None:
    assert evaluated(smoke_bundle, data, "--open-test", "--reason", "first") == 0
    change_metadata(smoke_bundle)
    assert evaluated(smoke_bundle, data) == 0
    assert json.loads((smoke_bundle / "metrics.json").read_text())["openings"]["changed"] == ["metadata.json"]
    assert evaluated(smoke_bundle, data, "--open-test", "--reason", "a bar was missed") == 0
    values = json.loads((smoke_bundle / "metrics.json").read_text())
    assert [row["reason"] for row in record(data)] == ["first", "a bar was missed"]
    assert values["openings"]["rows"] == record(data)
    assert values["openings"]["changed"] == []
    assert "opening number 2" in (smoke_bundle / "README.md").read_text()


def test_an_interrupted_opening_is_resumed_under_its_own_row(
    smoke_bundle: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object, **_options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("data_modelling.evaluation.locked_test.predict_served", stopped)
        assert evaluated(smoke_bundle, data, "--open-test", "--reason", "first") == 130
    assert len(record(data)) == 1
    assert evaluated(smoke_bundle, data, "--open-test", "--reason", "again") == 0
    assert [row["reason"] for row in record(data)] == ["first"]
    assert (smoke_bundle / "predictions" / "locked_test.csv").is_file()


def test_an_interrupted_second_opening_is_resumed_although_the_first_left_predictions(
    smoke_bundle: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object, **_options: object) -> None:
        raise KeyboardInterrupt

    assert evaluated(smoke_bundle, data, "--open-test", "--reason", "first") == 0
    change_metadata(smoke_bundle)
    with monkeypatch.context() as patch:
        patch.setattr("data_modelling.evaluation.locked_test.predict_served", stopped)
        assert evaluated(smoke_bundle, data, "--open-test", "--reason", "second") == 130
    assert evaluated(smoke_bundle, data, "--open-test", "--reason", "again") == 0
    assert [row["reason"] for row in record(data)] == ["first", "second"]
    values = json.loads((smoke_bundle / "metrics.json").read_text())
    assert values["openings"] == {"rows": record(data), "changed": []}
    assert evaluated(smoke_bundle, data, "--open-test", "--reason", "once more") == 2
