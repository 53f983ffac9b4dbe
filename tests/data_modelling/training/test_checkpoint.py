from pathlib import Path

import numpy as np
import pytest

from data_modelling.training import checkpoint
from data_modelling.training.checkpoint import Progress


def test_what_was_saved_comes_back_in_order(tmp_path: Path) -> None:
    progress = Progress([{"loss": 1.5}, {"loss": 0.1}], best=1)
    arrays = [np.full(2, n, "float32") for n in range(12)]  # more than ten: order is not that of text
    checkpoint.save_checkpoint(tmp_path / "c.npz", progress, {"network": arrays, "best": arrays[:1]})
    again, groups = checkpoint.load_checkpoint(tmp_path / "c.npz")
    assert checkpoint.load_progress(tmp_path / "c.npz") == again
    assert again == progress
    np.testing.assert_array_equal(groups["network"], arrays)
    np.testing.assert_array_equal(groups["best"], arrays[:1])


def test_a_save_that_is_broken_off_keeps_the_checkpoint_before_it(tmp_path: Path) -> None:
    path = tmp_path / "c.npz"
    checkpoint.save_checkpoint(path, Progress(best=7), {"network": [np.zeros(3)]})
    with pytest.raises(TypeError):
        checkpoint.save_checkpoint(path, Progress([{"loss": object()}]), {"network": [np.ones(3)]})  # type: ignore[dict-item]
    assert checkpoint.load_checkpoint(path)[0].best == 7
    assert [file.name for file in tmp_path.iterdir()] == ["c.npz"]
