"""What a search found, as a page made of its tables alone."""

from typing import Any

import pandas as pd

from data_modelling.evaluation.markdown import figure, interval, signed, table
from data_modelling.evaluation.results import named
from data_modelling.tuning.hypermodel import OBJECTIVE, SECONDS
from data_modelling.tuning.table import FAILURE, hyperparameters

SHOWN = 10  # trials of the page's table; all are in the csv
SHORT = {"learning_rate": "{:.1e}", "weight_decay": "{:.1e}"}
FIGURES = named("macro_auc", "balanced_accuracy")
HOW_IT_MATTERED = (
    "How much worse a random forest tells a trial's macro AUC when one hyperparameter is shuffled among the trials, as a "
    "share of the variance, with the standard deviation over shuffles. So few trials tell the large effects alone."
)

Found = dict[str, Any]


def page(trials: pd.DataFrame, mattered: pd.DataFrame, found: Found) -> str:
    """trials, mattered: as tuning.table gives them. found: as confirmation.confirm does."""
    paragraphs = (
        "# What the search found",
        _about(trials, found),
        "\n".join(_confirmed(found)),
        _told(found),
        f"## The {min(SHOWN, len(trials))} best trials",
        "\n".join(_trials(trials)),
        "![Each hyperparameter against the macro AUC](trials.png)",
        *_what_mattered(mattered),
    )
    return "\n\n".join(paragraphs) + "\n"


def _about(trials: pd.DataFrame, found: Found) -> str:
    failed = int(trials[FAILURE].notna().sum())
    minutes = trials[SECONDS].sum() / 60
    return (
        f"`python -m data_modelling.search --tuner {found['tuner']}` tried {len(trials)} sets of hyperparameters "
        f"([trials.csv](trials.csv)), the first of them the recipe that it started from; {failed} failed or made a "
        f"network that is too large, and count as chance. The longest trainings had {found['epochs']} epochs; all "
        f"together took {minutes:.0f} minutes of processor time. A trial is measured on fold {found['judged']}, photo alone. Start and "
        f"best were then trained once more and judged on the {found['photos']:,} photos of fold {found['fold']}, "
        "of which no trial had read one."
    )


def _confirmed(found: Found) -> list[str]:
    rows = [
        (way, *_sizes(found[way]), *(_with_interval(found[way][key]) for key in FIGURES))
        for way in ("start", "best")
    ]
    differences = [found["best_less_start"][key] for key in FIGURES]
    less = [signed(difference["value"], difference["interval"]) for difference in differences]
    header = ("", "parameters", "million multiply-adds a photo", *FIGURES.values())
    return table(header, [*rows, ("best less start", "", "", *less)])


def _sizes(figures: Found) -> tuple[str, str]:
    return f"{figures['parameters']:,}", f"{figures['multiply_adds'] / 1e6:.0f}"


def _with_interval(found: Found) -> str:
    return f"{figure(found['value'])} {interval(found['interval'])}"


def _told(found: Found) -> str:
    """Whether the difference in what was searched for is one, in words."""
    low, high = found["best_less_start"][OBJECTIVE]["interval"]
    if low > 0:
        return "The paired 95 % interval of the macro AUC lies above zero: the best is better on photos that chose nothing."
    if high < 0:
        return "The paired 95 % interval of the macro AUC lies below zero: the best is worse on photos that chose nothing."
    return (
        "The paired 95 % interval of the macro AUC reaches from below to above zero: on photos that chose nothing, the "
        "best cannot be told from the start."
    )


def _trials(trials: pd.DataFrame) -> list[str]:
    names = hyperparameters(trials)
    header = ("trial", "macro AUC", "epochs", "parameters", *(name.replace("_", " ") for name in names))
    whole = trials[trials[FAILURE].isna()].head(SHOWN)
    rows = [
        (
            row["trial"],
            figure(row[OBJECTIVE]),
            row["epochs"],
            f"{int(row['parameters']):,}",
            *(SHORT.get(name, "{}").format(row[name]) for name in names),
        )
        for row in whole.to_dict("records")
    ]
    return table(header, rows)


def _what_mattered(mattered: pd.DataFrame) -> list[str]:
    if mattered.empty:
        return []
    rows = [
        (row["hyperparameter"].replace("_", " "), f"{row['importance']:.3f} ({row['spread']:.3f})")
        for row in mattered.to_dict("records")
    ]
    return [
        "## What mattered",
        HOW_IT_MATTERED,
        "\n".join(table(("hyperparameter", "importance"), rows)),
    ]
