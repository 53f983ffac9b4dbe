"""The saved plots of a bundle."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score, roc_curve

from data_modelling.evaluation.architecture import draw_architecture
from data_modelling.evaluation.predictions import logits, truth
from data_modelling.evaluation.reliability import BINS, equal_width, expected_calibration_error
from data_modelling.evaluation.style import BLUE, GREEN, GREY, ORANGE, SEVEN, page
from data_modelling.inference.decision import cancer_columns, melanoma_column, probabilities

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]


def draw_all(
    folder: Path,
    metadata: dict[str, Any],
    values: dict[str, Any],
    history: dict[str, Any],
    predictions: pd.DataFrame,
) -> None:
    """Write the plots of a bundle into `folder`, from its JSON files and its out-of-fold predictions."""
    task, classes = metadata["task"], metadata["classes"]
    labels, scores = truth(predictions, task), logits(predictions, "photo", task)
    out_of_fold = values["out_of_fold"]
    with page(folder / "confusion_matrix.png", 12, 5.4) as figure:
        draw_confusion(figure, classes, np.array(out_of_fold["photo"]["confusion"]))
    with page(folder / "roc.png", 10, 5) as figure:
        draw_roc(figure, labels, probabilities(scores, metadata["temperature"]), metadata)
    with page(folder / "reliability.png", 10, 4.8) as figure:
        draw_reliability(figure, labels, scores, metadata["temperature"])
    with page(folder / "subgroups.png", 10, 7) as figure:
        draw_subgroups(figure, out_of_fold)
    with page(folder / "learning_curves.png", 10, 4) as figure:
        draw_learning_curves(figure, history)
    with page(folder / "architecture.png", 11, 5.2) as figure:
        draw_architecture(figure, metadata)


def draw_confusion(figure: Figure, classes: list[str], matrix: NDArray[np.int64]) -> None:
    """Counts on the left, shares of each true class on the right."""
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    left, right = figure.subplots(1, 2)
    _matrix(left, classes, shares, [[str(n) for n in row] for row in matrix], "Photos")
    _matrix(right, classes, shares, [[f"{n:.0%}" for n in row] for row in shares], "Share of each true class")
    figure.suptitle(
        f"Out-of-fold decisions, photo alone: {matrix.trace():,} of {matrix.sum():,} photos right",
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


def draw_roc(figure: Figure, labels: Labels, probability: Floats, metadata: dict[str, Any]) -> None:
    """Cancer and melanoma with the point of their threshold on the left, every class on the right."""
    left, right = figure.subplots(1, 2)
    cancer, melanoma = cancer_columns(metadata["task"]), melanoma_column(metadata["task"])
    questions = {
        "cancer": (probability[:, cancer].sum(axis=1), cancer[labels], BLUE, "-"),
        "melanoma": (probability[:, melanoma], labels == melanoma, ORANGE, "--"),
    }
    for name, (score, positive, colour, line) in questions.items():
        if positive.any() and not positive.all():
            _roc(left, score, positive, color=colour, ls=line, label=name)
            flagged = score >= metadata["thresholds"][name]
            left.plot(flagged[~positive].mean(), flagged[positive].mean(), "o", color=colour)
    for index, code in enumerate(metadata["classes"]):
        positive = labels == index
        if positive.any() and not positive.all():
            style = {"color": SEVEN[index % len(SEVEN)], "ls": ("-", "--", ":")[index % 3]}
            _roc(right, probability[:, index], positive, label=code, **style)
    for axes, title in ((left, "The two thresholds (dots)"), (right, "Each class against the rest")):
        axes.plot((0, 1), (0, 1), color="#bbbbbb", lw=1)
        axes.set(title=title, xlabel="1 - specificity", ylabel="Sensitivity", aspect="equal")
        axes.legend(frameon=False, loc="lower right", fontsize=9)


def _roc(axes: Axes, score: Floats, positive: NDArray[np.bool_], **style: Any) -> None:
    """A ROC curve with its AUC in the legend."""
    false_positives, found, _ = roc_curve(positive, score)
    area = float(roc_auc_score(positive, score))
    axes.plot(false_positives, found, **(style | {"label": f"{style['label']} (AUC {area:.3f})"}))


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
        axes.plot((0, 1), (0, 1), color="#bbbbbb", lw=1)
        axes.plot(sure, accurate, color=BLUE, lw=1)
        axes.scatter(
            sure, accurate, 12 + 400 * counts[filled] / len(labels), color=BLUE, zorder=3, clip_on=False
        )
        error = expected_calibration_error(labels, probability)
        axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", title=f"{title}: ECE {error:.3f}")
        axes.set(xlabel="Probability of the most probable class", ylabel="Share of them that is right")
    right.text(0.97, 0.05, "dot size: number of photos", ha="right", color=GREY, fontsize=9)


def draw_subgroups(figure: Figure, out_of_fold: dict[str, Any]) -> None:
    """Macro AUC of each subgroup with its interval, and of all photos as a line."""
    axes = figure.subplots()
    rows = [row for row in out_of_fold["subgroups"] if "macro_auc" in row and row["attribute"] != "source"][
        ::-1
    ]
    whole = out_of_fold["photo"]["macro_auc"]
    axes.axvline(whole, color=GREY, lw=1, ls="--")
    for place, row in enumerate(rows):
        low, high = row["macro_auc_interval"]
        axes.plot((low, high), (place, place), color=BLUE, lw=2)
        axes.plot(row["macro_auc"], place, "o", color=BLUE)
    names = [
        f"{row['attribute']}: {row['value']} ({row['groups']:,} lesions, {row['classes']} classes)"
        for row in rows
    ]
    axes.set_yticks(range(len(rows)), names)
    axes.set(
        xlabel=f"Macro AUC with 95 % interval, photo alone; dashed: all photos ({whole:.3f})",
        title="Subgroups with enough lesions, each over its own classes",
    )


def draw_learning_curves(figure: Figure, history: dict[str, list[dict[str, float]]]) -> None:
    """Training loss on the left, macro AUC of the stopping photos on the right, a line a network."""
    left, right = figure.subplots(1, 2)
    styles = zip(("-", "--", ":", "-.", "-", "--"), (BLUE, ORANGE, GREEN, GREY, ORANGE, BLUE), strict=True)
    for (name, rows), (line, colour) in zip(sorted(history.items()), styles, strict=False):
        epochs = range(1, len(rows) + 1)
        label = "served model" if name == "served" else f"without {name.replace('fold', 'fold ')}"
        left.plot(epochs, [row["loss"] for row in rows], line, color=colour, label=label)
        right.plot(epochs, [row["stopping_macro_auc"] for row in rows], line, color=colour, label=label)
        best = int(np.argmax([row["smoothed_macro_auc"] for row in rows]))
        right.plot(best + 1, rows[best]["stopping_macro_auc"], "o", color=colour)
    left.set(title="Training loss", xlabel="Epoch", ylabel="Cross-entropy of what an epoch shows")
    right.set(title="Averaged weights on stopping photos", xlabel="Epoch", ylabel="Macro AUC, photo alone")
    right.legend(frameon=False, title="dot: the weights kept")
