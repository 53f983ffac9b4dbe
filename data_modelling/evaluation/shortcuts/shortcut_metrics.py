"""Compute metrics from the results of the shortcut tests, which show what the network looks at."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data_modelling.evaluation.metrics_report import decide_classes
from data_modelling.inference.decision import calibrated_probabilities
from data_modelling.inference.errors import InputError
from data_modelling.metrics import bootstrap
from data_modelling.metrics.predictions import mode_logits, true_classes, write_table
from data_modelling.metrics.rounding import round_metric, to_json_value

SHORTCUTS_FILE = "shortcuts.csv.gz"  # in a bundle's predictions/; has COLUMNS, and logits of each of VIEWS
VIEWS = ("intact", "lesion_painted", "background_painted")  # a photo and its two painted versions
MAPS = ("map", "random", "gaussian")  # evidence for the decided class, and two controls; see shortcut_tests
MEASURES = ("inside", "deletion")  # share of a map inside the lesion; area under its deletion curve
SHORTCUT_METRICS = ("balanced_accuracy", "macro_auc")  # the metrics of each of VIEWS
MAP_COLUMNS = tuple(f"{kind}_{measure}" for measure in MEASURES for kind in MAPS)
COLUMNS = ("image_id", "group_id", "part", "truth", "decided", "lesion_share", *MAP_COLUMNS)


def write_shortcuts(path: Path, results: pd.DataFrame) -> None:
    """Write the results as csv, sorted by image_id, with three significant digits to keep the bundle small."""
    write_table(path, results.sort_values("image_id"), float_format="%.3g")


def shortcut_metrics(results: pd.DataFrame, metadata: dict[str, Any]) -> dict[str, Any]:
    """Return the metrics with 95 % intervals (bootstrap over lesions; differences are paired).

    Only photos with all measures count, so that all metrics are of the same photos. drawn: the number of all photos of
    the sample. deletion_of_the_rarer: the deletion metrics without photos that are decided as the most frequent class.
    """
    task = metadata["task"]
    complete = results.dropna(subset=list(MAP_COLUMNS)).reset_index(drop=True)
    if complete.empty:
        raise InputError(f"No photo in {SHORTCUTS_FILE} has all measures; train again, or remove the file.")
    labels, groups = true_classes(complete, task), bootstrap.group_indices(complete["group_id"])
    metrics_by_view = {}
    for view in VIEWS:
        probability = calibrated_probabilities(mode_logits(complete, view, task), metadata["temperature"])
        metrics_by_view[view] = bootstrap.bootstrap_metrics(
            labels, probability, decide_classes(probability, metadata), groups
        )
    frequent = metadata["classes"][int(np.bincount(labels).argmax())]
    rarer = complete[complete["decided"] != frequent]
    return {
        "photos": len(complete),
        "drawn": len(results),
        "groups": int(complete["group_id"].nunique()),
        "parts": sorted(complete["part"].unique().tolist()),
        "balanced_accuracy_by_chance": round_metric(1 / len(np.unique(labels))),
        "lesion_share": round_metric(complete["lesion_share"].mean()),
        "views": {view: _view_metrics(metrics_by_view, view) for view in VIEWS},
        **{measure: _map_metrics(complete, measure, task) for measure in MEASURES},
        # Painted photos look like bare skin, which is often given this class. So painting hardly changes this answer.
        "most_frequent": frequent,
        "deletion_of_the_rarer": {"photos": len(rarer)}
        | (_map_metrics(rarer, "deletion", task) if len(rarer) else {}),
    }


def _view_metrics(metrics_by_view: dict[str, bootstrap.BootstrapMetrics], view: str) -> dict[str, Any]:
    """Return balanced accuracy and macro AUC of one of VIEWS, and their differences from the intact photo."""
    values = metrics_by_view[view].with_intervals(SHORTCUT_METRICS)
    if view != "intact":
        values["less_intact"] = bootstrap.paired_differences(
            metrics_by_view["intact"], metrics_by_view[view], SHORTCUT_METRICS
        )
    return values


def _map_metrics(results: pd.DataFrame, measure: str, task: str) -> dict[str, Any]:
    """Return the mean of a measure for each of MAPS, and the differences of the first map from the other two."""
    values = results[[f"{kind}_{measure}" for kind in MAPS]].to_numpy(np.float64)
    columns = np.hstack([values, values[:, :1] - values[:, 1:]])
    labels, groups = true_classes(results, task), bootstrap.group_indices(results["group_id"])
    resampled_means = bootstrap.resampled(
        lambda weights: np.stack([bootstrap.weighted_mean(column, weights) for column in columns.T], axis=1),
        groups,
        labels,
    )
    keys = [(kind, "mean") for kind in MAPS] + [(f"map_less_{kind}", "difference") for kind in MAPS[1:]]
    return {
        name: {
            key: round_metric(column.mean()),
            "interval": to_json_value(bootstrap.percentile_interval(drawn)),
        }
        for (name, key), column, drawn in zip(keys, columns.T, resampled_means.T, strict=True)
    }
