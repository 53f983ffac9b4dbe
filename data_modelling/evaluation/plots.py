"""The saved plots of a bundle."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from data_modelling.evaluation.architecture import draw_architecture
from data_modelling.evaluation.curve_plots import (
    draw_decision_curve,
    draw_precision_recall,
    draw_risk_coverage,
    draw_roc,
)
from data_modelling.evaluation.forest_plots import draw_elsewhere, draw_fit, draw_subgroups, subgroup_rows
from data_modelling.evaluation.intervals import group_indices
from data_modelling.evaluation.operating_point_plot import draw_operating_point
from data_modelling.evaluation.predictions import logits, truth
from data_modelling.evaluation.reliability import BINS, equal_width, expected_calibration_error
from data_modelling.evaluation.style import BLUE, GREEN, GREY, LIGHT, ORANGE, page
from data_modelling.inference.decision import probabilities
from data_modelling.rejection.severity import draw_severity

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

COLOURS = 128  # of a plot's file


def draw_all(
    folder: Path,
    metadata: dict[str, Any],
    values: dict[str, Any],
    history: dict[str, Any],
    predictions: pd.DataFrame,
) -> None:
    """Write the plots of a bundle into `folder`, from its JSON files and its out-of-fold predictions.

    A plot for which there is nothing yet (the locked test, other sources) is not there.
    """
    task, classes = metadata["task"], metadata["classes"]
    labels, scores = truth(predictions, task), logits(predictions, "photo", task)
    probability = probabilities(scores, metadata["temperature"])
    groups = group_indices(predictions["group_id"])
    out_of_fold = values["out_of_fold"]

    def saved(name: str, width: float, height: float) -> AbstractContextManager[Figure]:
        return page(folder / f"{name}.png", width, height, COLOURS)

    with saved("confusion_matrix", 12, 5.4) as figure:
        draw_confusion(figure, classes, np.array(out_of_fold["photo"]["confusion"]))
    with saved("roc", 10, 5) as figure:
        draw_roc(figure, labels, probability, groups, metadata)
    with saved("precision_recall", 10.8, 5) as figure:
        draw_precision_recall(figure, labels, probability, metadata)
    with saved("reliability", 10, 4.8) as figure:
        draw_reliability(figure, labels, scores, metadata["temperature"])
    with saved("risk_coverage", 10, 4.6) as figure:
        draw_risk_coverage(figure, labels, probability, metadata)
    with saved("decision_curve", 10, 4.4) as figure:
        draw_decision_curve(figure, labels, probability, metadata)
    with saved("subgroups", 10, 2 + 0.28 * len(subgroup_rows(out_of_fold))) as figure:
        draw_subgroups(figure, out_of_fold)
    if "fit_to_served" in values:
        with saved("locked_test", 10, 4.4) as figure:
            draw_fit(figure, values["fit_to_served"])
    if "elsewhere" in values:
        with saved("elsewhere", 11, 3.8) as figure:
            draw_elsewhere(figure, values)
    with saved("operating_point", 10, 4.4) as figure:
        draw_operating_point(figure, out_of_fold["operating_point"]["photo"])
    if "severity" in values:
        with saved("severity", 12, 6.4) as figure:
            draw_severity(figure, values["severity"])
    with saved("learning_curves", 10, 4) as figure:
        draw_learning_curves(figure, history)
    with saved("architecture", 11, 5.2) as figure:
        draw_architecture(figure, metadata)


def draw_confusion(
    figure: Figure,
    classes: list[str],
    matrix: NDArray[np.int64],
    said: str = "Out-of-fold decisions, photo alone",
) -> None:
    """Counts on the left, shares of each true class on the right. said: what of, in front of how many are right."""
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    left, right = figure.subplots(1, 2)
    _matrix(left, classes, shares, [[str(n) for n in row] for row in matrix], "Photos")
    _matrix(right, classes, shares, [[f"{n:.0%}" for n in row] for row in shares], "Share of each true class")
    figure.suptitle(
        f"{said}: {matrix.trace():,} of {matrix.sum():,} photos right",
        x=0.01,
        ha="left",
    )


def _matrix(
    axes: Axes, classes: list[str], shares: NDArray[np.float64], texts: list[list[str]], title: str
) -> None:
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, line in enumerate(texts):
        for column, text in enumerate(line):
            colour = "white" if shares[row, column] > 0.55 else "black"
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=10)
    axes.set_xticks(range(len(classes)), classes)
    axes.set_yticks(range(len(classes)), classes)
    axes.set(title=title, xlabel="Decided", ylabel="True diagnosis")
    axes.spines[:].set_visible(False)


def draw_reliability(figure: Figure, labels: Labels, scores: Floats, temperature: float) -> None:
    """How often the most probable class is right, against how sure the model is, before and after scaling."""
    left, right = figure.subplots(1, 2)
    for axes, divisor, title in (
        (left, 1.0, "As trained"),
        (right, temperature, f"After temperature {temperature:.2f} (served)"),
    ):
        probability = probabilities(scores, divisor)
        confidence = probability.max(axis=1)
        correct = probability.argmax(axis=1) == labels
        which = equal_width(confidence, BINS)
        counts = np.bincount(which, minlength=BINS)
        filled = counts > 0
        sure, accurate = (
            np.bincount(which, value, BINS)[filled] / counts[filled] for value in (confidence, correct)
        )
        axes.plot((0, 1), (0, 1), color=LIGHT, lw=1)
        axes.plot(sure, accurate, color=BLUE, lw=1)
        axes.scatter(
            sure, accurate, 12 + 400 * counts[filled] / len(labels), color=BLUE, zorder=3, clip_on=False
        )
        error = expected_calibration_error(labels, probability)
        axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", title=f"{title}: ECE {error:.3f}")
        axes.set(xlabel="Probability of the most probable class", ylabel="Share of them that is right")
    right.text(0.97, 0.05, "dot size: number of photos", ha="right", color=GREY, fontsize=9)


def draw_learning_curves(figure: Figure, history: dict[str, list[dict[str, float]]]) -> None:
    """Training loss on the left, macro AUC of the stopping photos on the right, a line a network."""
    left, right = figure.subplots(1, 2)
    styles = zip(("-", "--", ":", "-.", "-", "--"), (BLUE, ORANGE, GREEN, GREY, ORANGE, BLUE), strict=True)
    for (name, rows), (line, colour) in zip(sorted(history.items()), styles, strict=False):
        epochs = range(1, len(rows) + 1)
        label = (
            "served model"
            if name == "served"
            else f"without {name.replace('fold', 'fold ').replace('_', ' ')}"
        )
        left.plot(epochs, [row["loss"] for row in rows], line, color=colour, label=label)
        right.plot(epochs, [row["stopping_macro_auc"] for row in rows], line, color=colour, label=label)
        best = int(np.argmax([row["smoothed_macro_auc"] for row in rows]))
        right.plot(best + 1, rows[best]["stopping_macro_auc"], "o", color=colour)
    left.set(title="Training loss", xlabel="Epoch", ylabel="Cross-entropy of what an epoch shows")
    right.set(title="Averaged weights on stopping photos", xlabel="Epoch", ylabel="Macro AUC, photo alone")
    right.legend(frameon=False, title="dot: the weights kept", loc="upper left", bbox_to_anchor=(1, 1))
