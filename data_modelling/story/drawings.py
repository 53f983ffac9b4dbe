"""The story's plots: a confusion matrix a step, and the final model's architecture."""

from pathlib import Path
from typing import Any

import pandas as pd

from data_modelling.evaluation.architecture import draw_architecture
from data_modelling.evaluation.plots import COLOURS, draw_confusion
from data_modelling.evaluation.style import page
from data_modelling.inference.diagnoses import codes
from data_modelling.story.page import ARCHITECTURE
from data_modelling.story.rows import read_matrix
from data_modelling.story.steps import STEPS


def draw_story(folder: Path, rows: pd.DataFrame, metadata: dict[str, Any]) -> None:
    """Write Step.plot of every step in the table, and ARCHITECTURE of the bundle whose metadata these are."""
    steps = {step.name: step for step in STEPS}
    for row in rows.to_dict("records"):
        step = steps[row["name"]]
        with page(folder / step.plot, 12, 5.4, COLOURS) as figure:
            draw_confusion(figure, list(codes(row["task"])), read_matrix(row["confusion"]), step.title)
    with page(folder / ARCHITECTURE, 11, 5.2, COLOURS) as figure:
        draw_architecture(figure, metadata)
