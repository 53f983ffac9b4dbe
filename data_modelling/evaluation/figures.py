"""All figures of one part's predictions, as metrics.json has them.

The decision (`class`) judges balanced accuracy, sensitivity, specificity and the confusion matrix; the
probabilities are judged by AUC, losses and calibration errors.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_modelling.evaluation import intervals, metrics, operating_point, prediction_sets, reliability
from data_modelling.evaluation.comparison import differences
from data_modelling.evaluation.predictions import MODES, logits, modes_in, truth
from data_modelling.evaluation.questions import along_the_curve, cost, has_both, questions
from data_modelling.evaluation.rounding import plain, rounded
from data_modelling.evaluation.selective import risks
from data_modelling.evaluation.subgroups import NOT_KNOWN, attributes, intersections, subgroups
from data_modelling.inference.decision import cancer_columns, decisions, probabilities
from data_modelling.settings import FOLDS

Labels = NDArray[np.int64]
Floats = NDArray[np.float64]

LESION = "lesion"  # what the photos of a group share, where nothing else is said
NO_LOCKED_TEST = "none"  # what metadata.json says of the locked test where the split has none
ANSWERED = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)  # shares of the photos at which the risk is told
# The figures of a mode that have an interval beside them.
OVERALL = ("balanced_accuracy", "macro_auc", "accuracy_most_probable", "expected_calibration_error")
# Which modes are compared: what the details add to the photo, the photo to the details, and the own details
# to another photo's.
COMPARED = (("both", "photo"), ("photo", "details"), ("both", "shuffled"))


def figures(predictions: pd.DataFrame, metadata: dict[str, Any]) -> dict[str, Any]:
    """Figures of the committed predictions with the temperature and the choices of the bundle."""
    task = metadata["task"]
    labels = truth(predictions, task)
    groups = intervals.group_indices(predictions["group_id"])
    by_mode = {
        # The details alone are no network's logits: their probabilities stay as they are.
        mode: probabilities(
            logits(predictions, mode, task), 1.0 if mode == "details" else metadata["temperature"]
        )
        for mode in modes_in(predictions, task)
    }
    photo = by_mode["photo"]
    judged = {
        mode: intervals.judge(labels, probability, decide(probability, metadata), groups)
        for mode, probability in by_mode.items()
    }
    comparisons = _comparisons(judged)
    asked = questions(labels, photo, task)
    decided = decide(photo, metadata)
    noun = metadata.get("data", {}).get("grouped_by", LESION)
    return {
        "photos": len(predictions),
        "groups": int(predictions["group_id"].nunique()),
        "parts": sorted(predictions["part"].unique().tolist()),
        "grouped_by": noun,
        "folds": metadata.get("settings", {}).get("folds", FOLDS),
        "majority_share": rounded(np.bincount(labels).max() / len(labels)),
        **{mode: _of_mode(labels, by_mode[mode], judged[mode], metadata) for mode in by_mode},
        **_by_source(predictions, labels, {mode: by_mode[mode] for mode in MODES}, metadata),
        "effect_of_details": comparisons["both_less_photo"],
        "comparisons": comparisons,
        "as_trained": {mode: _as_trained(labels, logits(predictions, mode, task)) for mode in MODES},
        "thresholds": {
            name: cost(*question, metadata["thresholds"][name]) for name, question in asked.items()
        },
        "operating_points": {
            name: along_the_curve(*question, groups)
            for name, question in asked.items()
            if has_both(question[1])
        },
        "risk_coverage": _risk_coverage(labels, photo, decided),
        "confirmation_of_cancers": _confirmation_of_cancers(predictions, labels, task),
        **{
            name: [
                {key: plain(value) for key, value in row.items()}
                for row in subgroups(predictions, labels, photo, decided, members, noun)
            ]
            for name, members in (("subgroups", attributes), ("intersections", intersections))
        },
        "prediction_sets": prediction_sets.figures(predictions, metadata),
        "operating_point": operating_point.figures(predictions, metadata),
    }


def decide(probability: Floats, metadata: dict[str, Any]) -> Labels:
    """The decisions (N,) with the bundle's decision prior."""
    prior = np.array([metadata["decision_prior"][code] for code in metadata["classes"]])
    return decisions(probability, prior)


def _by_source(
    predictions: pd.DataFrame, labels: Labels, by_mode: dict[str, Floats], metadata: dict[str, Any]
) -> dict[str, Any]:
    """Where the photos are a mix of sources, the figures of each source's photos, under `by_source`."""
    names = sorted(predictions["source"].unique())
    if len(names) < 2:
        return {}
    found: dict[str, Any] = {}
    for name in names:
        inside = (predictions["source"] == name).to_numpy()
        groups = intervals.group_indices(predictions.loc[inside, "group_id"])
        found[name] = {"photos": int(inside.sum()), "groups": int(groups.max()) + 1}
        for mode, probability in by_mode.items():
            judged = intervals.judge(
                labels[inside], probability[inside], decide(probability[inside], metadata), groups
            )
            between = judged.intervals()
            found[name][mode] = {
                **{figure: rounded(judged.whole[figure]) for figure in OVERALL},
                "majority_share": rounded(np.bincount(labels[inside]).max() / inside.sum()),
                "classes": len(np.unique(labels[inside])),
                "intervals": {figure: plain(between[figure]) for figure in OVERALL},
            }
    return {"by_source": found}


def _as_trained(labels: Labels, scores: Floats) -> dict[str, Any]:
    """Calibration before the temperature."""
    probability = probabilities(scores, 1.0)
    return {
        "expected_calibration_error": rounded(reliability.expected_calibration_error(labels, probability)),
        "negative_log_likelihood": rounded(metrics.negative_log_likelihood(labels, probability)),
    }


def _risk_coverage(labels: Labels, probability: Floats, decided: Labels) -> dict[str, Any]:
    """Error and balanced error when the most certain share of the photos is answered."""
    found = risks(labels, probability, decided, np.array(ANSWERED))
    return {
        str(share): {"error": rounded(error), "balanced_error": rounded(balanced)}
        for share, error, balanced in zip(ANSWERED, *found, strict=True)
    }


def _confirmation_of_cancers(predictions: pd.DataFrame, labels: Labels, task: str) -> dict[str, int]:
    """Photos of the cancer classes by how their diagnosis was found."""
    found = predictions.loc[cancer_columns(task)[labels], "confirmation"].fillna(NOT_KNOWN)
    return {str(name): int(count) for name, count in found.value_counts().sort_index().items()}


def _comparisons(judged: dict[str, intervals.Judged]) -> dict[str, Any]:
    """What the details and what the photo add: paired differences of two modes with their intervals."""
    return {
        f"{mode}_less_{other}": {
            name: {"difference": rounded(found.value), "interval": plain(found.interval)}
            for name, found in differences(judged[other], judged[mode]).items()
        }
        for mode, other in COMPARED
        if mode in judged and other in judged
    }


def _of_mode(
    labels: Labels, probability: Floats, judged: intervals.Judged, metadata: dict[str, Any]
) -> dict[str, Any]:
    classes = metadata["classes"]
    decided = decide(probability, metadata)
    matrix = metrics.confusion(labels, decided, len(classes))
    between = judged.intervals()
    return {
        "balanced_accuracy": rounded(metrics.balanced_accuracy(matrix)),
        "macro_auc": rounded(metrics.macro_auc(labels, probability)),
        "accuracy": rounded(metrics.accuracy(matrix)),
        "accuracy_most_probable": rounded(np.mean(probability.argmax(axis=1) == labels)),
        "expected_calibration_error": rounded(reliability.expected_calibration_error(labels, probability)),
        "intervals": {name: plain(between[name]) for name in OVERALL},
        "macro_f1": rounded(metrics.macro_f1(matrix)),
        "negative_log_likelihood": rounded(metrics.negative_log_likelihood(labels, probability)),
        "brier_score": rounded(metrics.brier_score(labels, probability)),
        "mean_confidence": rounded(probability.max(axis=1).mean()),
        "calibration": _calibration(labels, probability),
        "classes": _of_classes(labels, probability, matrix, between, classes),
        "confusion": matrix.tolist(),
    }


def _of_classes(
    labels: Labels, probability: Floats, matrix: Labels, between: dict[str, Any], classes: list[str]
) -> dict[str, Any]:
    aucs, precisions = (
        metrics.class_aucs(labels, probability),
        metrics.average_precisions(labels, probability),
    )
    columns = {
        "auc": [aucs.get(index, np.nan) for index in range(len(classes))],
        "auc_interval": between["auc"],
        "sensitivity": metrics.sensitivities(matrix),
        "sensitivity_interval": between["sensitivity"],
        "specificity": metrics.specificities(matrix),
        "positive_predictive_value": metrics.positive_predictive_values(matrix),
        "negative_predictive_value": metrics.negative_predictive_values(matrix),
        "average_precision": [precisions.get(index, np.nan) for index in range(len(classes))],
    }
    photos = matrix.sum(axis=1)
    return {
        code: {"photos": int(photos[index])}
        | {name: plain(values[index]) for name, values in columns.items()}
        for index, code in enumerate(classes)
    }


def _calibration(labels: Labels, probability: Floats) -> dict[str, Any]:
    """Calibration error in three forms, and what a perfectly calibrated model would show on as many photos."""
    perfect = reliability.of_a_perfect_model(probability)
    return {
        "equal_width": rounded(reliability.expected_calibration_error(labels, probability)),
        "equal_mass": rounded(reliability.equal_mass_calibration_error(labels, probability)),
        "classwise": rounded(reliability.classwise_calibration_error(labels, probability)),
        "equal_width_of_a_perfect_model": {
            "mean": rounded(perfect.mean()),
            "percentile_95": rounded(np.percentile(perfect, 95)),
        },
    }
