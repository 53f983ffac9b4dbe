"""Draws the plots that are saved in a bundle (the folder of one trained model)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from data_modelling.inference.decision import calibrated_probabilities
from data_modelling.metrics.array_types import Floats, Labels
from data_modelling.metrics.bootstrap import group_indices
from data_modelling.metrics.calibration_error import expected_calibration_error, reliability_bins
from data_modelling.metrics.predictions import mode_logits, true_classes
from data_modelling.plots import curves, forest_plots
from data_modelling.plots.architecture import draw_architecture
from data_modelling.plots.style import BLUE, GREEN, GREY, LIGHT_GREY, ORANGE, saved_figure


def draw_bundle_plots(
    folder: Path,
    metadata: dict[str, Any],
    values: dict[str, Any],
    history: dict[str, Any],
    predictions: pd.DataFrame,
) -> None:
    """Write the plots of a bundle into `folder`, from the bundle's JSON files and out-of-fold predictions.

    values: the content of metrics.json. A plot is left out if its metrics (such as the locked test's) do not exist yet.
    """
    task, classes = metadata["task"], metadata["classes"]
    labels, scores = true_classes(predictions, task), mode_logits(predictions, "photo", task)
    probability = calibrated_probabilities(scores, metadata["temperature"])
    groups = group_indices(predictions["group_id"])
    out_of_fold = values["out_of_fold"]
    # For each plot: its width and height in inches, its drawing function, and the function's arguments.
    plots: dict[str, tuple[float, float, Callable[..., None], tuple[Any, ...]]] = {
        "confusion_matrix": (12, 5.4, draw_confusion, (classes, np.array(out_of_fold["photo"]["confusion"]))),
        "roc": (10, 5, curves.draw_roc, (labels, probability, groups, metadata)),
        "precision_recall": (10.8, 5, curves.draw_precision_recall, (labels, probability, metadata)),
        "reliability": (10, 4.8, draw_reliability, (labels, scores, metadata["temperature"])),
        "risk_coverage": (10, 4.6, curves.draw_risk_coverage, (labels, probability, metadata)),
        "decision_curve": (10, 4.4, curves.draw_decision_curve, (labels, probability, metadata)),
        "learning_curves": (10, 4, draw_learning_curves, (history,)),
        "architecture": (11, 5.2, draw_architecture, (metadata,)),
    }
    height = 2 + 0.28 * len(forest_plots.subgroup_rows(out_of_fold))
    plots["subgroups"] = 10, height, forest_plots.draw_subgroups, (out_of_fold,)
    if "fit_to_served" in values:
        plots["locked_test"] = 10, 4.4, forest_plots.draw_locked_test, (values["fit_to_served"],)
    if "elsewhere" in values:
        plots["elsewhere"] = 11, 3.8, forest_plots.draw_external_sources, (values,)
    if "shortcuts" in out_of_fold:
        plots["shortcuts"] = 14, 4.2, forest_plots.draw_shortcuts, (out_of_fold["shortcuts"],)
    for name, (width, height, draw, drawn) in plots.items():
        with saved_figure(folder / f"{name}.png", width, height) as figure:
            draw(figure, *drawn)


def draw_confusion(figure: Figure, classes: list[str], matrix: NDArray[np.int64]) -> None:
    """Draw the confusion matrix: counts on the left, shares of each true class on the right."""
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    left, right = figure.subplots(1, 2)
    for axes, title, cells, form in (
        (left, "Photos", matrix, "d"),
        (right, "Share of each true class", shares, ".0%"),
    ):
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for (row, column), value in np.ndenumerate(cells):
            colour = "white" if shares[row, column] > 0.55 else "black"
            axes.text(column, row, format(value, form), ha="center", va="center", color=colour, fontsize=10)
        axes.set_xticks(range(len(classes)), classes)
        axes.set_yticks(range(len(classes)), classes)
        axes.set(title=title, xlabel="Decided", ylabel="True diagnosis")
        axes.spines[:].set_visible(False)
    figure.suptitle(
        f"Out-of-fold decisions, photo alone: {matrix.trace():,} of {matrix.sum():,} photos right",
        x=0.01,
        ha="left",
    )


def draw_reliability(figure: Figure, labels: Labels, scores: Floats, temperature: float) -> None:
    """Draw how often the most probable class is right at each probability, before and after temperature scaling."""
    left, right = figure.subplots(1, 2)
    for axes, divisor, title in (
        (left, 1.0, "As trained"),
        (right, temperature, f"After temperature {temperature:.2f} (served)"),
    ):
        probability = calibrated_probabilities(scores, divisor)
        counts, confidence, accuracy = np.array(reliability_bins(labels, probability)).T
        axes.plot((0, 1), (0, 1), color=LIGHT_GREY, lw=1)
        axes.plot(confidence, accuracy, color=BLUE, lw=1)
        sizes = 12 + 400 * counts / len(labels)
        axes.scatter(confidence, accuracy, sizes, color=BLUE, zorder=3, clip_on=False)
        error = expected_calibration_error(labels, probability)
        axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", title=f"{title}: ECE {error:.3f}")
        axes.set(xlabel="Probability of the most probable class", ylabel="Share of right answers")
    right.text(0.97, 0.05, "dot size: number of photos", ha="right", color=GREY, fontsize=9)


def draw_learning_curves(figure: Figure, history: dict[str, list[dict[str, float]]]) -> None:
    """Draw each network's training loss (left) and its macro AUC on the photos held back for early stopping (right)."""
    left, right = figure.subplots(1, 2)
    colours = (BLUE, ORANGE, GREEN, GREY, ORANGE, BLUE, GREY, GREEN, GREEN, GREY, BLUE, ORANGE)
    styles = zip(("-", "--", ":", "-.") * 9, colours * 3, strict=True)  # the first twelve differ
    for (name, rows), (line, colour) in zip(sorted(history.items()), styles, strict=False):
        table = pd.DataFrame(rows, columns=["loss", "stopping_macro_auc", "smoothed_macro_auc"])
        epochs, aucs = table.index + 1, table["stopping_macro_auc"]
        label = name.replace("served", "served model").replace("fold", "without fold ").replace("_", " ")
        left.plot(epochs, table["loss"], line, color=colour, label=label)
        right.plot(epochs, aucs, line, color=colour, label=label)
        best = int(np.argmax(table["smoothed_macro_auc"].to_numpy()))
        right.plot(best + 1, aucs[best], "o", color=colour)
    left.set(title="Training loss", xlabel="Epoch", ylabel="Cross-entropy on the epoch's photos")
    right.set(title="Averaged weights on stopping photos", xlabel="Epoch", ylabel="Macro AUC, photo alone")
    right.legend(frameon=False, title="dot: the kept weights", loc="upper left", bbox_to_anchor=(1, 1))
