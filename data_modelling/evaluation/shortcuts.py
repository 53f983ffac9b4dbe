"""Figures of the shortcut tests, from the committed results a photo (made by training.shortcuts)."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_modelling.evaluation import intervals
from data_modelling.evaluation.comparison import differences
from data_modelling.evaluation.figures import decide
from data_modelling.evaluation.predictions import logits, truth
from data_modelling.evaluation.rounding import plain, rounded
from data_modelling.inference.decision import probabilities
from data_modelling.inference.errors import InputError
from data_modelling.inference.files import replaced_when_whole

Labels = NDArray[np.int64]
Floats = NDArray[np.float64]

FILE = "shortcuts.csv"  # in a bundle's predictions
VIEWS = ("intact", "lesion_painted", "background_painted")  # what the network was shown
MAPS = ("map", "random", "gaussian")  # the decided class's map, and what it is compared with
# Of each map: the share of it that lies in the lesion, and the area under the deletion curve.
MEASURES = ("inside", "deletion")
FIGURES = ("balanced_accuracy", "macro_auc")  # of each view
FACTS = ("image_id", "group_id", "part", "truth", "decided", "lesion_share")


def write_shortcuts(path: Path, results: pd.DataFrame) -> None:
    """Write as csv, sorted by image_id, with three digits: enough for means of many, in a bundle of few MB."""
    with replaced_when_whole(path) as temporary:
        results.sort_values("image_id").to_csv(
            temporary, index=False, float_format="%.3g", lineterminator="\n"
        )


def read_shortcuts(path: Path) -> pd.DataFrame:
    """Results as written; InputError when the file lacks a column."""
    results = pd.read_csv(path, dtype={"image_id": str, "group_id": str, "part": str})
    missing = [column for column in (*FACTS, *_measures()) if column not in results]
    if missing:
        raise InputError(f"{path} lacks the column {missing[0]}; restore the bundle.")
    return results


def shortcut_figures(results: pd.DataFrame, metadata: dict[str, Any]) -> dict[str, Any]:
    """Figures with 95 % intervals (bootstrap over lesions; differences are paired).

    Only of photos that have all measures, so that every figure is of the same photos; how many were drawn is
    told beside.
    """
    task = metadata["task"]
    judged = results.dropna(subset=list(_measures())).reset_index(drop=True)
    if judged.empty:
        raise InputError(f"No photo in {FILE} has all measures; train again, or remove the file.")
    labels, groups = truth(judged, task), intervals.group_indices(judged["group_id"])
    judged_views = {}
    for view in VIEWS:
        probability = probabilities(logits(judged, view, task), metadata["temperature"])
        judged_views[view] = intervals.judge(labels, probability, decide(probability, metadata), groups)
    frequent = metadata["classes"][int(np.bincount(labels).argmax())]
    rarer = judged[judged["decided"] != frequent]
    return {
        "photos": len(judged),
        "drawn": len(results),
        "groups": int(judged["group_id"].nunique()),
        "parts": sorted(judged["part"].unique().tolist()),
        "balanced_accuracy_by_chance": rounded(1 / len(np.unique(labels))),
        "lesion_share": rounded(judged["lesion_share"].mean()),
        "views": {view: _of_view(judged_views, view) for view in VIEWS},
        **{measure: _of_maps(judged, measure, task) for measure in MEASURES},
        # Bare skin is often answered with the most frequent class: of its photos a deletion takes little away.
        "most_frequent": frequent,
        "deletion_of_the_rarer": {"photos": len(rarer)}
        | (_of_maps(rarer, "deletion", task) if len(rarer) else {}),
    }


def _of_view(judged: dict[str, intervals.Judged], view: str) -> dict[str, Any]:
    """Balanced accuracy and macro AUC of one view, and its differences from the intact photo."""
    between = judged[view].intervals()
    found: dict[str, Any] = {name: rounded(judged[view].whole[name]) for name in FIGURES}
    found["intervals"] = {name: plain(between[name]) for name in FIGURES}
    if view != "intact":
        less = differences(judged["intact"], judged[view])
        found["less_intact"] = {
            name: {"difference": rounded(less[name].value), "interval": plain(less[name].interval)}
            for name in FIGURES
        }
    return found


def _of_maps(results: pd.DataFrame, measure: str, task: str) -> dict[str, Any]:
    """The mean of a measure for each of MAPS, and how much the decided class's map has more than the others."""
    values = results[[f"{kind}_{measure}" for kind in MAPS]].to_numpy(np.float64)
    columns = np.hstack([values, values[:, :1] - values[:, 1:]])
    drawn = _drawn_means(columns, truth(results, task), intervals.group_indices(results["group_id"]))
    bounds = [plain(intervals.interval(column)) for column in drawn.T]
    whole = [rounded(value) for value in columns.mean(axis=0)]
    found: dict[str, Any] = {
        kind: {"mean": whole[place], "interval": bounds[place]} for place, kind in enumerate(MAPS)
    }
    return found | {
        f"map_less_{kind}": {"difference": whole[place], "interval": bounds[place]}
        for place, kind in enumerate(MAPS[1:], len(MAPS))
    }


def _drawn_means(columns: Floats, labels: Labels, groups: Labels) -> Floats:
    """Means of columns (N, columns) in each resample, (resamples, columns)."""
    return np.concatenate(
        [
            np.stack([intervals.weighted_mean(column, weights) for column in columns.T], axis=1)
            for weights in intervals.resamples(groups, labels)
        ]
    )


def _measures() -> tuple[str, ...]:
    return tuple(f"{kind}_{measure}" for measure in MEASURES for kind in MAPS)
