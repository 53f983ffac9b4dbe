import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from data_modelling.inference.bundle import load_bundle, write_sums
from data_modelling.inference.details import Details
from data_modelling.inference.looks import looks
from data_modelling.inference.predictor import Predictor
from data_modelling.rejection import foreign, foreign_test
from data_modelling.rejection.gate import Measured, fit_gate, write_gate
from tests.app.tiny_bundle import EDGE, make_tiny_bundle

TABLE = pd.DataFrame(
    [
        ("scikit-image", "sample photos", "held-out", 25, 24),
        ("fabric", "textures", "held-out", 75, 75),
        ("noise", "textures", "fit", 30, 20),
        ("skin without a lesion", "skin", "apart", 200, 120),
    ],
    columns=list(foreign_test.COLUMNS),
)


def test_only_the_held_out_sources_count():
    found = foreign_test.foreign_figures(TABLE)
    assert (found["held_out"]["photos"], found["held_out"]["refused"]) == (100, 99)
    assert found["held_out"]["interval"] == pytest.approx([0.9455, 0.9982], abs=1e-4)  # Wilson's, by hand
    assert [row["source"] for row in found["sources"]["held-out"]] == ["scikit-image", "fabric"]
    assert found["sources"]["held-out"][0]["share"] == 0.96
    assert found["sources"]["apart"][0]["refused"] == 120


def test_the_table_is_read_as_written(tmp_path):
    foreign_test.write_table(tmp_path, TABLE)
    pd.testing.assert_frame_equal(foreign_test.read_table(tmp_path), TABLE)


def test_the_card_tells_counts_and_intervals():
    gate = {"photos": 1703, "refused": 25, "share": 0.01468, "interval": [0.00996, 0.02159]}
    metrics = {"gate": gate | {"folds": {"0": gate}}, "foreign": foreign_test.foreign_figures(TABLE)}
    text = "\n".join(foreign_test.foreign_section(metrics))
    assert "25 of 1,703 out-of-fold lesion photos as foreign: 1.5 % [1.0 %, 2.2 %] (fold 0 1.5 %" in text
    assert "Of 100 foreign pictures" in text
    assert "| fabric | textures | held-out | 75 | 75 |" in text
    assert foreign_test.foreign_section({})[-1].endswith("not been measured for this bundle.")


@pytest.fixture
def bundle(tmp_path):
    """The tiny bundle with a gate for reddish photos of noise."""
    folder = make_tiny_bundle(tmp_path / "tiny")
    rng = np.random.default_rng(0)
    photos = (
        rng.uniform(0, 20, (60, EDGE, EDGE, 3)) + rng.uniform((170, 100, 90), (200, 130, 120), (60, 1, 1, 3))
    ).astype(np.uint8)
    predictor = Predictor(load_bundle(folder))
    embedding = np.stack([predictor.embedding(photo, Details()) for photo in photos])
    measured = Measured(embedding, np.stack([looks(photo) for photo in photos]))
    part = fit_gate(measured, np.zeros(60, np.int64), measured)
    metadata = json.loads((folder / "metadata.json").read_text()) | {"gate": part.metadata}
    (folder / "metadata.json").write_text(json.dumps(metadata))
    write_gate(folder, part)
    write_sums(folder)
    return folder


def test_the_command_counts_refusals_by_source_and_adds_them_to_the_bundle(
    bundle, tmp_path, monkeypatch, capsys
):
    few = [replace(one, most=3) for one in foreign.read_sources()]
    few = [
        one
        for one in few
        if one.name in {"checkers", "tables", "mate wallpapers"} or one.side == foreign.APART
    ]
    monkeypatch.setattr(foreign, "read_sources", lambda: tuple(few))
    monkeypatch.setattr(foreign_test, "read_sources", lambda: tuple(few))
    options = ["--bundle", str(bundle), "--pictures", str(tmp_path), "--data-root", str(tmp_path)]
    assert foreign_test.main(options) == 3
    told = capsys.readouterr()
    assert "mate wallpapers: nothing found" in told.err
    assert "skin without a lesion: HAM10000" in told.err
    assert "held-out: 3 of 3" in told.out
    load_bundle(bundle)  # the hashes are those of the files again
    rows = foreign_test.read_table(bundle).set_index("source")
    assert rows["pictures"].to_dict() == {"checkers": 3, "tables": 3}
    assert rows.loc["tables", "refused"] == 3


def test_without_a_gate_the_command_says_so(tmp_path, capsys):
    folder = make_tiny_bundle(tmp_path / "tiny")
    (folder / "gate.npz").unlink()
    assert foreign_test.main(["--bundle", str(folder), "--pictures", str(tmp_path)]) == 2
    assert "gate.npz is missing" in capsys.readouterr().err
