"""Draws ROC, precision-recall, decision and risk-coverage curves: how good a model's answers are at each threshold."""

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import precision_recall_curve, roc_curve

from data_modelling.evaluation.metrics_report import decide_classes
from data_modelling.metrics import bootstrap
from data_modelling.metrics.array_types import Floats, Labels, Mask
from data_modelling.metrics.classification import FEWEST_ANSWERED, selective_risks
from data_modelling.metrics.curves import binary_auc, net_benefit
from data_modelling.metrics.thresholds import binary_questions, has_both_outcomes
from data_modelling.plots.style import BLUE, CLASS_COLOURS, GREY, LIGHT_GREY, ORANGE

QUESTION_STYLES: dict[str, dict[str, Any]] = {
    "cancer": {"color": BLUE, "ls": "-", "label": "cancer group"},
    "melanoma": {"color": ORANGE, "ls": "--", "label": "melanoma"},
}
FALSE_POSITIVE_RATES = np.linspace(0, 1, 101)  # points at which a ROC curve's confidence band is computed
THRESHOLDS = np.linspace(0.01, 0.6, 119)  # threshold probabilities of the decision curve
COVERAGES = np.linspace(0.05, 1, 96)  # shares of answered photos at which the error is computed


def draw_roc(
    figure: Figure, labels: Labels, probability: Floats, groups: Labels, metadata: dict[str, Any]
) -> None:
    """Draw the ROC curves: all cancer classes together and melanoma on the left, each class on the right.

    Each curve on the left has a 95 % confidence band, and a dot at the threshold that the app uses.
    """
    left, right = figure.subplots(1, 2)
    for name, (score, positive) in _answerable_questions(labels, probability, metadata["task"]).items():
        colour = QUESTION_STYLES[name]["color"]
        low, high = bootstrap.roc_band(score, positive, groups, FALSE_POSITIVE_RATES)
        left.fill_between(FALSE_POSITIVE_RATES, low, high, color=colour, alpha=0.2, lw=0)
        _roc(left, score, positive, **QUESTION_STYLES[name])
        flagged = score >= metadata["thresholds"][name]
        left.plot(flagged[~positive].mean(), flagged[positive].mean(), "o", color=colour)
    _draw_classes(right, _roc, labels, probability, metadata)
    for axes, title in ((left, "Thresholds (dots), 95 % bands"), (right, "Each class against the rest")):
        axes.plot((0, 1), (0, 1), color=LIGHT_GREY, lw=1)
        axes.set(title=title, xlabel="1 - specificity", ylabel="Sensitivity", aspect="equal")
        _legend(axes, loc="lower right")


def draw_precision_recall(
    figure: Figure, labels: Labels, probability: Floats, metadata: dict[str, Any]
) -> None:
    """Draw precision against recall: all cancer classes together and melanoma on the left, each class on the right.

    Each curve on the left has a dotted line: the precision of flagging every photo, which is the share of positives.
    """
    left, right = figure.subplots(1, 2)
    for name, (score, positive) in _answerable_questions(labels, probability, metadata["task"]).items():
        left.axhline(positive.mean(), color=QUESTION_STYLES[name]["color"], lw=0.8, ls=":")
        _precision_recall(left, score, positive, **QUESTION_STYLES[name])
    _draw_classes(right, _precision_recall, labels, probability, metadata)
    for axes, title in ((left, "Dotted: flagging everyone"), (right, "Each class against the rest")):
        axes.set(title=title, xlabel="Sensitivity (recall)", ylabel="Right among flagged (precision)")
        axes.set(xlim=(0, 1.02), ylim=(0, 1.02), aspect="equal")
    _legend(left, loc="best")
    _legend(right, loc="upper left", bbox_to_anchor=(1, 1))  # the curves leave no corner of the panel free


def draw_decision_curve(
    figure: Figure, labels: Labels, probability: Floats, metadata: dict[str, Any]
) -> None:
    """Draw the net benefit of treating those who reach a threshold probability, and of treating everyone or no one."""
    panels = figure.subplots(1, 2)
    questions = _answerable_questions(labels, probability, metadata["task"])
    for axes, name in zip(panels, QUESTION_STYLES, strict=True):
        axes.set(title=QUESTION_STYLES[name]["label"].capitalize(), xlabel="Threshold probability")
        axes.set(ylabel="Net benefit (true positives per photo)")
        if name not in questions:
            axes.text(0.5, 0.5, "needs photos of both kinds", ha="center", transform=axes.transAxes)
            continue
        score, positive = questions[name]
        prevalence = float(positive.mean())
        everyone = prevalence - (1 - prevalence) * THRESHOLDS / (1 - THRESHOLDS)
        model_style = QUESTION_STYLES[name] | {"label": "model", "lw": 2}
        axes.plot(THRESHOLDS, net_benefit(score, positive, THRESHOLDS), **model_style)
        axes.plot(THRESHOLDS, everyone, color=GREY, ls="-.", label="treat all")
        axes.axhline(0, color="black", lw=1, label="treat none")
        served_threshold = metadata["thresholds"][name]
        axes.axvline(served_threshold, color=LIGHT_GREY, lw=1)
        at = {"transform": axes.get_xaxis_transform()}
        axes.text(served_threshold, 0.98, " served threshold", color=GREY, fontsize=9, **at)
        axes.set_ylim(-prevalence / 4, prevalence * 1.05)
        _legend(axes, loc="upper right")


def draw_risk_coverage(figure: Figure, labels: Labels, probability: Floats, metadata: dict[str, Any]) -> None:
    """Draw the share of wrong decisions against the share of answered photos; the most certain are answered first."""
    axes = figure.subplots()
    error, balanced = selective_risks(labels, probability, decide_classes(probability, metadata), COVERAGES)
    label = f"balanced: mean over the classes, if each has at least {FEWEST_ANSWERED} answered photos"
    axes.plot(COVERAGES, balanced, color=ORANGE, ls="--", label=label)
    axes.plot(COVERAGES, error, color=BLUE, label="share of all answered photos")
    axes.plot(COVERAGES[-1], error[-1], "o", color=BLUE, clip_on=False)
    axes.plot(COVERAGES[-1], balanced[-1], "s", color=ORANGE, clip_on=False)
    axes.set(xlim=(0, 1), ylim=(0, None), xlabel="Share of photos answered, most certain first")
    axes.set(ylabel="Share of wrong decisions", title="Errors when the uncertain photos are not answered")
    _legend(axes, loc="best")


def _answerable_questions(labels: Labels, probability: Floats, task: str) -> dict[str, tuple[Floats, Mask]]:
    """Return scores and truth, (N,) each, of each question (cancer, melanoma) that has positive and negative photos."""
    return {
        name: question
        for name, question in binary_questions(labels, probability, task).items()
        if has_both_outcomes(question[1])
    }


def _draw_classes(
    axes: Axes, draw: Callable[..., None], labels: Labels, probability: Floats, metadata: dict[str, Any]
) -> None:
    """Draw a curve for each class that some but not all photos have."""
    for index, code in enumerate(metadata["classes"]):
        if has_both_outcomes(labels == index):
            style = {"color": CLASS_COLOURS[index % len(CLASS_COLOURS)], "ls": ("-", "--", ":")[index % 3]}
            draw(axes, probability[:, index], labels == index, label=code, **style)


def _roc(axes: Axes, score: Floats, positive: Mask, label: str, **style: Any) -> None:
    """Draw a ROC curve with its AUC in the legend."""
    false_positives, true_positives, _ = roc_curve(positive, score)
    label = f"{label} (AUC {binary_auc(score, positive):.3f})"
    axes.plot(false_positives, true_positives, label=label, **style)


def _precision_recall(axes: Axes, score: Floats, positive: Mask, **style: Any) -> None:
    precision, recall, _ = precision_recall_curve(positive, score)
    axes.plot(recall, precision, drawstyle="steps-post", **style)


def _legend(axes: Axes, **options: Any) -> None:
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=9, **options)
