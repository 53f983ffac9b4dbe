from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data_modelling.inference.errors import InputError
from data_modelling.safety.gate_scores import (
    GATE_SCORES_FILE,
    gate_metrics,
    read_gate_scores,
    write_gate_scores,
)


def scores() -> pd.DataFrame:
    """Two folds of 400 photos, six of each refused."""
    return pd.DataFrame(
        {
            "image_id": [f"ISIC_{number:07}" for number in reversed(range(800))],
            "fold": np.repeat(["0", "1"], 400),
            "distance": np.tile(np.linspace(-2, 2, 400).round(3), 2),
            "refused": np.tile(np.arange(400) >= 394, 2).astype(int),
        }
    )


def test_scores_and_metrics_are_counted_again_from_the_file(tmp_path: Path) -> None:
    write_gate_scores(tmp_path, scores())
    again = read_gate_scores(tmp_path)
    assert again["image_id"].is_monotonic_increasing
    expected = scores().sort_values("image_id")
    assert again["distance"].tolist() == expected["distance"].tolist()
    found = gate_metrics(again)
    assert (found["photos"], found["refused"], found["share"]) == (800, 12, 0.015)
    assert found["interval"] == pytest.approx([0.0086, 0.0260], abs=1e-4)  # Wilson's, by hand
    assert found["folds"]["1"]["refused"] == 6


def test_scores_that_are_absent_or_lack_a_column_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is missing"):
        read_gate_scores(tmp_path)
    (tmp_path / "predictions").mkdir()
    (tmp_path / "predictions" / GATE_SCORES_FILE).write_text("image_id,fold\nISIC_1,0\n")
    with pytest.raises(InputError, match="lacks the column distance"):
        read_gate_scores(tmp_path)
