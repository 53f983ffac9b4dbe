"""Figures, plots and card of a bundle, all from the bundle's own predictions and metadata."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_modelling.evaluation import intervals, metrics, plots, reliability
from data_modelling.evaluation.card import write_card
from data_modelling.evaluation.predictions import MODES, logits, read_predictions, truth
from data_modelling.inference.bundle import write_sums
from data_modelling.inference.decision import cancer_columns, decisions, melanoma_column, probabilities
from data_modelling.inference.files import replaced_when_whole

DIGITS = 6  # of every figure in metrics.json
# The figures of a mode that have an interval beside them.
OVERALL = ("balanced_accuracy", "macro_auc", "accuracy_most_probable", "expected_calibration_error")
OUT_OF_FOLD, LOCKED_TEST = "out_of_fold", "locked_test"


def write_report(folder: Path) -> dict[str, Any]:
    """Write metrics.json, plots/, README.md and SHA256SUMS of the bundle in `folder`; returns the figures.

    Reads metadata.json, history.json and predictions/*.csv; neither photos nor the network.
    """
    metadata = json.loads((folder / "metadata.json").read_text())
    found = {
        part: figures(read_predictions(path), metadata)
        for part in (OUT_OF_FOLD, LOCKED_TEST)
        if (path := folder / "predictions" / f"{part}.csv").exists()
    }
    # `thresholds` at the top is what the page quotes: the cost on the photos that speak for the model.
    values = found | {"thresholds": found[OUT_OF_FOLD]["thresholds"]}
    with replaced_when_whole(folder / "metrics.json") as temporary:
        temporary.write_text(json.dumps(values, indent=1) + "\n")
    history = json.loads((folder / "history.json").read_text())
    plots.draw_all(folder / "plots", metadata, values, history)
    write_card(folder / "README.md", metadata, values)
    write_sums(folder)
    return values


def figures(predictions: pd.DataFrame, metadata: dict[str, Any]) -> dict[str, Any]:
    """All figures of one part's predictions, with the temperature and choices of the bundle."""
    task = metadata["task"]
    labels = truth(predictions, task)
    groups = intervals.group_indices(predictions["group_id"])
    shares = np.bincount(labels, minlength=len(metadata["classes"])) / len(labels)
    by_mode = {
        mode: probabilities(logits(predictions, mode, task), metadata["temperature"]) for mode in MODES
    }
    return {
        "photos": len(predictions),
        "groups": int(predictions["group_id"].nunique()),
        "parts": sorted(predictions["part"].unique().tolist()),
        "majority_share": _rounded(shares.max()),
        **{mode: _mode_figures(labels, by_mode[mode], groups, metadata) for mode in MODES},
        "thresholds": _threshold_figures(labels, by_mode["photo"], metadata),
    }


def _mode_figures(
    labels: NDArray[np.int64],
    probability: NDArray[np.float64],
    groups: NDArray[np.int64],
    metadata: dict[str, Any],
) -> dict[str, Any]:
    """`class` decisions judge balanced accuracy and confusion, probabilities AUC and ECE (INTERFACE)."""
    classes = metadata["classes"]
    prior = np.array([metadata["decision_prior"][code] for code in classes])
    decided = decisions(probability, prior)
    matrix = metrics.confusion(labels, decided, len(classes))
    between = intervals.figures(labels, probability, decided, groups)
    return {
        "balanced_accuracy": _rounded(metrics.balanced_accuracy(matrix)),
        "macro_auc": _rounded(metrics.macro_auc(labels, probability)),
        "accuracy": _rounded(metrics.accuracy(matrix)),
        "accuracy_most_probable": _rounded(np.mean(probability.argmax(axis=1) == labels)),
        "expected_calibration_error": _rounded(reliability.expected_calibration_error(labels, probability)),
        "mean_confidence": _rounded(probability.max(axis=1).mean()),
        "intervals": {name: _bounds(between[name]) for name in OVERALL},
        "classes": _class_figures(labels, probability, matrix, between, classes),
        "confusion": matrix.tolist(),
    }


def _class_figures(
    labels: NDArray[np.int64],
    probability: NDArray[np.float64],
    matrix: NDArray[np.int64],
    between: dict[str, Any],
    classes: list[str],
) -> dict[str, Any]:
    aucs = metrics.class_aucs(labels, probability)
    photos, found, spared = matrix.sum(axis=1), metrics.sensitivities(matrix), metrics.specificities(matrix)
    return {
        code: {
            "photos": int(photos[index]),
            "auc": _rounded(aucs.get(index, np.nan)),
            "auc_interval": _bounds(between["auc"][index]),
            "sensitivity": _rounded(found[index]),
            "sensitivity_interval": _bounds(between["sensitivity"][index]),
            "specificity": _rounded(spared[index]),
        }
        for index, code in enumerate(classes)
    }


def _threshold_figures(
    labels: NDArray[np.int64], probability: NDArray[np.float64], metadata: dict[str, Any]
) -> dict[str, Any]:
    """What the thresholds cost, in counts."""
    task = metadata["task"]
    cancer, melanoma = cancer_columns(task), melanoma_column(task)
    groups = {
        "cancer": (probability[:, cancer].sum(axis=1), cancer[labels]),
        "melanoma": (probability[:, melanoma], labels == melanoma),
    }
    return {
        name: _cost(score >= metadata["thresholds"][name], positive, metadata["thresholds"][name])
        for name, (score, positive) in groups.items()
    }


def _cost(flagged: NDArray[np.bool_], positive: NDArray[np.bool_], threshold: float) -> dict[str, Any]:
    return {
        "threshold": threshold,
        "sensitivity": _rounded(flagged[positive].mean()) if positive.any() else None,
        "positives": int(positive.sum()),
        "missed": int((positive & ~flagged).sum()),
        "negatives": int((~positive).sum()),
        "flagged": int((flagged & ~positive).sum()),
    }


def _rounded(value: float) -> float | None:
    """Six decimals; None (JSON's null) for a figure that does not exist."""
    return None if np.isnan(value) else round(float(value), DIGITS)


def _bounds(interval: tuple[float, float]) -> list[float | None]:
    """An interval as JSON has it."""
    return [_rounded(bound) for bound in interval]
