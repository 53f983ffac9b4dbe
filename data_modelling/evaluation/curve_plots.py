"""Plots along a threshold: ROC with its band, precision and recall, decision curve, risk against coverage."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve, roc_curve

from data_modelling.evaluation import intervals
from data_modelling.evaluation.curves import net_benefit
from data_modelling.evaluation.figures import decide
from data_modelling.evaluation.questions import auc, has_both, questions
from data_modelling.evaluation.selective import FEWEST_ANSWERED, risks
from data_modelling.evaluation.style import BLUE, GREY, LIGHT, ORANGE, SEVEN

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
Truth = NDArray[np.bool_]

LOOKS: dict[str, dict[str, Any]] = {
    "cancer": {"color": BLUE, "ls": "-", "label": "cancer group"},
    "melanoma": {"color": ORANGE, "ls": "--", "label": "melanoma"},
}
RATES = np.linspace(0, 1, 101)  # false positive rates at which the band is drawn
THRESHOLDS = np.linspace(0.01, 0.6, 119)  # threshold probabilities of the decision curve
SHARES = np.linspace(0.05, 1, 96)  # of the photos that are answered


def draw_roc(
    figure: Figure, labels: Labels, probability: Floats, groups: Labels, metadata: dict[str, Any]
) -> None:
    """Cancer and melanoma with 95 % band and the point of their threshold on the left, every class on the right."""
    left, right = figure.subplots(1, 2)
    for name, (score, positive) in _asked(labels, probability, metadata["task"]).items():
        look = LOOKS[name]
        low, high = intervals.roc_band(score, positive, groups, RATES)
        left.fill_between(RATES, low, high, color=look["color"], alpha=0.2, lw=0)
        _roc(left, score, positive, **look)
        flagged = score >= metadata["thresholds"][name]
        left.plot(flagged[~positive].mean(), flagged[positive].mean(), "o", color=look["color"])
    for index, (code, score, positive) in _classes(labels, probability, metadata):
        _roc(right, score, positive, label=code, **_look_of_class(index))
    for axes, title in ((left, "Thresholds (dots), 95 % bands"), (right, "Each class against the rest")):
        axes.plot((0, 1), (0, 1), color=LIGHT, lw=1)
        axes.set(title=title, xlabel="1 - specificity", ylabel="Sensitivity", aspect="equal")
        _legend(axes, loc="lower right")


def draw_precision_recall(
    figure: Figure, labels: Labels, probability: Floats, metadata: dict[str, Any]
) -> None:
    """Cancer and melanoma with their share of the photos on the left, every class on the right."""
    left, right = figure.subplots(1, 2)
    for name, (score, positive) in _asked(labels, probability, metadata["task"]).items():
        look = LOOKS[name]
        left.axhline(positive.mean(), color=look["color"], lw=0.8, ls=":")
        _precision_recall(left, score, positive, **look)
    for index, (code, score, positive) in _classes(labels, probability, metadata):
        _precision_recall(right, score, positive, label=code, **_look_of_class(index))
    for axes, title in ((left, "Dotted: flagging everyone"), (right, "Each class against the rest")):
        axes.set(title=title, xlabel="Sensitivity (recall)", ylabel="Right among flagged (precision)")
        axes.set(xlim=(0, 1.02), ylim=(0, 1.02), aspect="equal")
    _legend(left, loc="best")
    _legend(right, loc="upper left", bbox_to_anchor=(1, 1))  # no corner of the panel is free of every class


def draw_decision_curve(
    figure: Figure, labels: Labels, probability: Floats, metadata: dict[str, Any]
) -> None:
    """Net benefit of acting on the probability, against acting for everyone and for no one."""
    panels = figure.subplots(1, 2)
    asked = _asked(labels, probability, metadata["task"])
    for axes, name in zip(panels, LOOKS, strict=True):
        axes.set(title=LOOKS[name]["label"].capitalize(), xlabel="Threshold probability")
        axes.set(ylabel="Net benefit (true positives a photo)")
        if name not in asked:
            axes.text(0.5, 0.5, "no photos of both kinds", ha="center", transform=axes.transAxes)
            continue
        score, positive = asked[name]
        share = float(positive.mean())
        everyone = share - (1 - share) * THRESHOLDS / (1 - THRESHOLDS)
        model = LOOKS[name] | {"label": "model", "lw": 2}
        axes.plot(THRESHOLDS, net_benefit(score, positive, THRESHOLDS), **model)
        axes.plot(THRESHOLDS, everyone, color=GREY, ls="-.", label="treat all")
        axes.axhline(0, color="black", lw=1, label="treat none")
        served = metadata["thresholds"][name]
        axes.axvline(served, color=LIGHT, lw=1)
        axes.text(
            served, 0.98, " served threshold", color=GREY, fontsize=9, transform=axes.get_xaxis_transform()
        )
        axes.set_ylim(-share / 4, share * 1.05)
        _legend(axes, loc="upper right")


def draw_risk_coverage(figure: Figure, labels: Labels, probability: Floats, metadata: dict[str, Any]) -> None:
    """Errors among the answered photos when only the most certain share is answered."""
    axes = figure.subplots()
    error, balanced = risks(labels, probability, decide(probability, metadata), SHARES)
    axes.plot(
        SHARES,
        balanced,
        color=ORANGE,
        ls="--",
        label=f"balanced: mean over the classes, where each has {FEWEST_ANSWERED} answered photos",
    )
    axes.plot(SHARES, error, color=BLUE, label="share of all answered photos")
    axes.plot(SHARES[-1], error[-1], "o", color=BLUE, clip_on=False)
    axes.plot(SHARES[-1], balanced[-1], "s", color=ORANGE, clip_on=False)
    axes.set(xlim=(0, 1), ylim=(0, None), xlabel="Share of photos answered, most certain first")
    axes.set(ylabel="Share decided wrong", title="Errors when the uncertain photos are not answered")
    _legend(axes, loc="best")


def _asked(labels: Labels, probability: Floats, task: str) -> dict[str, tuple[Floats, Truth]]:
    """The questions that have photos of both kinds."""
    return {name: one for name, one in questions(labels, probability, task).items() if has_both(one[1])}


def _classes(
    labels: Labels, probability: Floats, metadata: dict[str, Any]
) -> list[tuple[int, tuple[str, Floats, Truth]]]:
    """Index, code, score and truth of the classes that have photos."""
    return [
        (index, (code, probability[:, index], labels == index))
        for index, code in enumerate(metadata["classes"])
        if has_both(labels == index)
    ]


def _look_of_class(index: int) -> dict[str, Any]:
    return {"color": SEVEN[index % len(SEVEN)], "ls": ("-", "--", ":")[index % 3]}


def _roc(axes: Axes, score: Floats, positive: Truth, **look: Any) -> None:
    """A ROC curve with its AUC in the legend."""
    false_positives, found, _ = roc_curve(positive, score)
    axes.plot(
        false_positives, found, **(look | {"label": f"{look['label']} (AUC {auc(score, positive):.3f})"})
    )


def _precision_recall(axes: Axes, score: Floats, positive: Truth, **look: Any) -> None:
    precision, recall, _ = precision_recall_curve(positive, score)
    axes.plot(recall, precision, drawstyle="steps-post", **look)


def _legend(axes: Axes, **place: Any) -> None:
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=9, **place)
