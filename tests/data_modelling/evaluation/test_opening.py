import csv
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from data_modelling import evaluate
from data_modelling.datasets.splits import read_split
from data_modelling.inference.bundle import load_bundle
from data_modelling.training.road import work_folder


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


def test_a_second_opening_of_the_same_bundle_is_refused(
    smoke_bundle: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluated(smoke_bundle, data, "--open-test", "--reason", "first") == 0
    assert evaluated(smoke_bundle, data, "--open-test", "--reason", "second") == 2
    assert "opened the locked test on" in capsys.readouterr().err
    assert len(record(data)) == 1


def test_a_changed_bundle_opens_anew_and_the_earlier_record_stays(smoke_bundle: Path, data: Path) -> None:
    assert evaluated(smoke_bundle, data, "--open-test", "--reason", "first") == 0
    metadata = json.loads((smoke_bundle / "metadata.json").read_text())
    (smoke_bundle / "metadata.json").write_text(json.dumps(metadata | {"version": "0.0.2"}))
    from data_modelling.inference.bundle import write_sums

    write_sums(smoke_bundle)
    assert evaluated(smoke_bundle, data, "--open-test", "--reason", "after a change") == 0
    assert [row["reason"] for row in record(data)] == ["first", "after a change"]


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
