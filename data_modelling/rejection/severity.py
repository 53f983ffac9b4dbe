"""What the quality checks do as photos get worse: figures and plot, from the counts in severity.csv alone."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from data_modelling.evaluation.style import BLUE, GREY, ORANGE
from data_modelling.inference.files import replaced_when_whole
from data_modelling.rejection.degradation import KINDS

Floats = NDArray[np.float64]

FILE = "severity.csv"  # in the bundle's predictions
CLEAN = "clean"  # the kind of an unchanged photo
WARN_BELOW = 0.9  # of the unchanged photos' balanced accuracy: worse photos must be caught
DRAWS, SEED = 2000, 95  # of the interval
BOUNDS = (2.5, 97.5)  # per cent
DIGITS = 6  # of every figure


def write_severity(path: Path, severity: pd.DataFrame) -> None:
    """Write the counts as csv."""
    with replaced_when_whole(path) as temporary:
        severity.to_csv(temporary, index=False, lineterminator="\n")


def severity_figures(severity: pd.DataFrame) -> dict[str, Any]:
    """By kind: the steps, and of the first one below WARN_BELOW of the unchanged photos how many are caught.

    The interval of a balanced accuracy is from binomial draws of each class; photos of one lesion are counted as
    if they were of several, so that it is somewhat narrow.
    """
    rows = {(row["kind"], row["step"]): row for row in severity.to_dict("records")}
    clean = _figures(rows[CLEAN, 0])
    kinds = {}
    for name, kind in KINDS.items():
        steps = [
            _figures(rows[name, number]) | {"severity": severity}
            for number, severity in enumerate(kind.severities, start=1)
        ]
        low = [s for s in steps if s["balanced_accuracy"] < WARN_BELOW * clean["balanced_accuracy"]]
        kinds[name] = {"unit": kind.unit, "steps": steps, "first_below": low[0] if low else None}
    return {"unchanged": clean, "below": WARN_BELOW, "kinds": kinds}


def _figures(row: dict[str, Any]) -> dict[str, Any]:
    codes = [key.removeprefix("photos_") for key in row if key.startswith("photos_") and row[key]]
    photos, right = (np.array([row[f"{name}_{code}"] for code in codes]) for name in ("photos", "right"))
    draws = np.random.default_rng(SEED).binomial(photos, right / photos, (DRAWS, len(codes))) / photos
    low, high = np.percentile(draws.mean(axis=1), BOUNDS)
    total = int(photos.sum())
    return {
        "photos": total,
        "balanced_accuracy": round(float((right / photos).mean()), DIGITS),
        "interval": [round(float(low), DIGITS), round(float(high), DIGITS)],
        "refused": round(row["refused"] / total, DIGITS),
        "caught": round((row["refused"] + row["warned"]) / total, DIGITS),
    }


def draw_severity(figure: Figure, found: dict[str, Any]) -> None:
    """A panel a kind: balanced accuracy with its interval, and the share that is caught, step by step."""
    clean = found["unchanged"]
    panels = figure.subplots(2, -(-len(found["kinds"]) // 2), sharey=True)
    for axes, (name, kind) in zip(panels.flat, found["kinds"].items(), strict=False):
        steps = [clean, *kind["steps"]]
        places = range(len(steps))
        accuracy, low, high = np.array([[step["balanced_accuracy"], *step["interval"]] for step in steps]).T
        axes.axhline(found["below"] * clean["balanced_accuracy"], color=GREY, lw=1, ls=":")
        axes.fill_between(places, low, high, color=BLUE, alpha=0.2, lw=0)
        axes.plot(places, accuracy, "o-", color=BLUE, ms=4, label="balanced accuracy, 95 % interval")
        axes.plot(
            places, [s["caught"] for s in steps], "s--", color=ORANGE, ms=4, label="refused or warned, share"
        )
        axes.plot(places, [s["refused"] for s in steps], "^:", color="black", ms=4, label="refused, share")
        axes.set_xticks(places, ["as is", *(f"{step['severity']:g}" for step in kind["steps"])], fontsize=8)
        axes.set(title=name, xlabel=kind["unit"], ylim=(-0.03, 1.03))
    for axes in panels.flat[len(found["kinds"]) :]:
        axes.set_visible(False)
    figure.legend(
        *panels.flat[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False
    )
    figure.suptitle(
        f"Photos made worse step by step, {clean['photos']:,} photos that no threshold was chosen on; "
        f"dotted: {found['below']:g} of the accuracy as is",
        x=0.01,
        ha="left",
    )
