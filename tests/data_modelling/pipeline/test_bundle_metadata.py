import json
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from data_modelling.pipeline.bundle_metadata import training_histories
from data_modelling.plots.bundle_plots import draw_learning_curves
from data_modelling.training.checkpoint import Progress, save_checkpoint


def test_a_bundle_of_new_weights_learned_from_nothing_else(smoke_run: Path) -> None:
    assert json.loads((smoke_run / "metadata.json").read_text())["also_learned_from"] == []


def test_an_epoch_without_an_auc_is_saved_as_json_and_drawn(tmp_path: Path) -> None:
    """JSON has no NaN."""
    row = {"loss": 1.25, "stopping_macro_auc": np.nan, "smoothed_macro_auc": np.nan}
    save_checkpoint(tmp_path / "fold0" / "checkpoint.npz", Progress([row, row], 1), {})
    histories = training_histories(tmp_path)
    assert histories == {"fold0": [{"loss": 1.25}, {"loss": 1.25}]}
    figure = Figure()
    draw_learning_curves(figure, histories)
    assert figure.axes[0].lines[0].get_ydata().tolist() == [1.25, 1.25]
