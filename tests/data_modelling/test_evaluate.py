import json
from pathlib import Path
from typing import Any

import pytest

from data_modelling import evaluate
from data_modelling.inference.bundle import write_checksums
from tests.app.tiny_bundle import make_tiny_bundle


@pytest.mark.parametrize(
    "learned",
    [
        {"data": {"sources": ["ISIC_2020"]}},
        {"more": {"ISIC_2020": {"photos": 1, "counts": {"MEL": 1}}}},
        {"also_learned_from": ["HAM10000", "ISIC_2020"]},
    ],
)
def test_a_network_that_knows_the_patients_is_not_judged_on_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], learned: dict[str, Any]
) -> None:
    folder = make_tiny_bundle(tmp_path / "tiny")
    metadata = json.loads((folder / "metadata.json").read_text())
    data = metadata["data"] | learned.get("data", {})
    (folder / "metadata.json").write_text(json.dumps(metadata | learned | {"data": data}))
    write_checksums(folder)
    assert evaluate.main(["--bundle", str(folder), "--data-root", str(tmp_path), "--visits"]) == 2
    assert f"{folder} was trained on ISIC 2020, so these photos cannot test it." in capsys.readouterr().err


def test_neighbours_without_their_data_sets_leave_the_bundle_as_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_tiny_bundle(tmp_path / "tiny")
    before = (folder / "metadata.json").read_bytes()
    assert evaluate.main(["--bundle", str(folder), "--data-root", str(tmp_path), "--neighbours"]) == 2
    assert "ISIC_2017 is not there" in capsys.readouterr().err
    assert (folder / "metadata.json").read_bytes() == before


@pytest.mark.parametrize(("option", "missing"), [("--work", "--neighbours"), ("--reason", "--open-test")])
def test_an_option_without_the_one_that_uses_it_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, missing: str
) -> None:
    folder = make_tiny_bundle(tmp_path / "tiny")
    assert evaluate.main(["--bundle", str(folder), option, "text"]) == 2
    assert f"add {missing}" in capsys.readouterr().err
