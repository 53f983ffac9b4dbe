"""Several recipes on the same photos: one table as csv, and the page that is made of the csv alone."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_modelling.evaluation import intervals
from data_modelling.evaluation.calibration import Choices
from data_modelling.evaluation.comparison import differences
from data_modelling.evaluation.markdown import figure, interval, listed, signed, table
from data_modelling.evaluation.predictions import logits, truth
from data_modelling.evaluation.results import named
from data_modelling.evaluation.rounding import rounded
from data_modelling.inference.decision import decisions, melanoma_column, probabilities
from data_modelling.inference.errors import InputError
from data_modelling.inference.files import replaced_when_whole
from data_modelling.settings import Settings, as_dict

# Of the photo alone, and what the page calls them.
FIGURES = named("macro_auc", "balanced_accuracy", "melanoma_auc")
LABELS = ("name", "version")  # settings that change nothing


@dataclass(frozen=True)
class Cost:
    """What a recipe's networks cost.

    parameters, operations: of one network; floating point operations for one photo, a multiply-add being two.
    epochs, cpu_minutes: of the mean network; processor time of all threads, training and stopping. 0 for networks
    that were trained before it was noted.
    """

    parameters: int
    operations: int
    epochs: float
    cpu_minutes: float


@dataclass(frozen=True)
class Contender:
    """A recipe whose fold networks are trained, what they predicted, and what was chosen on that."""

    settings: Settings
    predictions: pd.DataFrame
    choices: Choices
    cost: Cost


def contest(contenders: Sequence[Contender]) -> pd.DataFrame:
    """A row a contender: what sets it apart, its cost, and FIGURES with intervals and paired differences.

    Columns of each figure: its name, `_low`, `_high`; the same with `_less_first`, empty for the first contender.
    Raises InputError when the contenders have not predicted the same photos.
    """
    refuse_other_photos([(one.settings.name, one.predictions) for one in contenders])
    judged = [_judged(one) for one in contenders]
    apart = _set_apart([one.settings for one in contenders])
    rows = [
        {"name": one.settings.name, "set_apart_by": by} | _facts(one) | figure_columns(own, list(FIGURES))
        for one, by, own in zip(contenders, apart, judged, strict=True)
    ]
    less = [{}, *(difference_columns(judged[0], own, list(FIGURES), "less_first") for own in judged[1:])]
    return pd.DataFrame([row | more for row, more in zip(rows, less, strict=True)])


def refuse_other_photos(named: Sequence[tuple[str, pd.DataFrame]]) -> None:
    """Raise InputError unless all predictions, each with a name, are of the same photos."""
    first, *others = ([name, set(predictions["image_id"])] for name, predictions in named)
    for name, photos in others:
        if photos != first[1]:
            raise InputError(
                f"{first[0]} and {name} were judged on different photos; remove the older run and train it again."
            )


def _set_apart(recipes: Sequence[Settings]) -> list[str]:
    """What each recipe sets otherwise than another: `network.name cnn, training.epochs 20`."""
    values = [dict(flat(as_dict(settings))) for settings in recipes]
    names = [
        name
        for name in values[0]
        if name not in LABELS and any(one[name] != values[0][name] for one in values)
    ]
    return [", ".join(f"{name} {one[name]}" for name in names) or "nothing" for one in values]


def flat(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Settings in tables as one list, each with its whole name, such as `network.edge`."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _facts(contender: Contender) -> dict[str, Any]:
    settings, predictions = contender.settings, contender.predictions
    return {
        "split": settings.split,
        "folds": " ".join(map(str, settings.figure_folds)),
        "photos": len(predictions),
        "groups": predictions["group_id"].nunique(),
        "edge": settings.network.edge,
        **dataclasses.asdict(contender.cost),
    }


def _judged(contender: Contender) -> intervals.Judged:
    """The figures of the photo alone, melanoma's AUC under a name of its own."""
    task, choices = contender.settings.task, contender.choices
    predictions = contender.predictions.sort_values("image_id")
    probability = probabilities(logits(predictions, "photo", task), choices.temperature)
    return judged_answers(predictions, probability, decisions(probability, choices.decision_prior), task)


def judged_answers(
    predictions: pd.DataFrame,
    probability: NDArray[np.float64],
    decided: NDArray[np.int64],
    task: str,
) -> intervals.Judged:
    """The figures of probabilities (N, classes) and decisions (N,) for the photos of predictions, row by row.

    Melanoma's AUC and sensitivity have names of their own. Photos must be in the same order for figures to be pairs.
    """
    labels, groups = truth(predictions, task), intervals.group_indices(predictions["group_id"])
    judged = intervals.judge(labels, probability, decided, groups)
    melanoma = melanoma_column(task)
    of_melanoma = {f"melanoma_{name}": name for name in ("auc", "sensitivity")}
    return intervals.Judged(
        judged.whole | {new: judged.whole[name][melanoma] for new, name in of_melanoma.items()},
        judged.drawn | {new: judged.drawn[name][:, melanoma] for new, name in of_melanoma.items()},
    )


def figure_columns(judged: intervals.Judged, names: Sequence[str]) -> dict[str, Any]:
    """Columns of the figures `names`: the name, `_low` and `_high`."""
    found: dict[str, Any] = {}
    for name in names:
        found |= _columns(name, float(judged.whole[name]), intervals.interval(judged.drawn[name]))
    return found


def difference_columns(
    first: intervals.Judged, second: intervals.Judged, names: Sequence[str], ending: str
) -> dict[str, Any]:
    """Columns of the paired differences second - first of the figures `names`: `<name>_<ending>`, and its ends."""
    found: dict[str, Any] = {}
    for name, one in differences(first, second, names).items():
        found |= _columns(f"{name}_{ending}", one.value, one.interval)
    return found


def _columns(name: str, value: float, bounds: Any) -> dict[str, Any]:
    return dict(zip((name, f"{name}_low", f"{name}_high"), map(rounded, (value, *bounds)), strict=True))


def write_contest(out: Path, rows: pd.DataFrame) -> None:
    """Write the table beside the page `out` as csv, and the page from it."""
    write_table_and_page(out, rows, page)


def write_table_and_page(out: Path, rows: pd.DataFrame, made: Callable[[pd.DataFrame, str], str]) -> None:
    """Write the table beside the page `out` as csv, and the page from what the csv then says.

    made: the page's text of the table that was read, and the csv's name.
    """
    source = out.with_suffix(".csv")
    with replaced_when_whole(source) as temporary:
        rows.to_csv(temporary, index=False, lineterminator="\n")
    with replaced_when_whole(out) as temporary:
        temporary.write_text(made(read_table(source), source.name))


def read_table(source: Path) -> pd.DataFrame:
    """A table as `write_table_and_page` wrote it."""
    return pd.read_csv(source, dtype={"folds": str, "search_folds": str})


def page(rows: pd.DataFrame, source: str) -> str:
    """The table as a page; source: the name of its csv."""
    records = rows.to_dict("records")
    first = records[0]
    where = f"fold {listed(first['folds'].split())} of the split {first['split']}"
    judged = (
        f"Judged by the photo alone, on the same {first['photos']:,} photos of {first['groups']:,} lesions, which the "
        f"networks had not seen ({where}); trained on the other folds."
    )
    brackets = (
        f"In brackets: 95 % intervals (bootstrap over lesions, {intervals.RESAMPLES:,} resamples); differences are "
        "paired, same photos. Temperature and decision prior of each recipe were chosen on these same photos."
    )
    alike = (
        "The recipes are the same but for what sets them apart; settings that were found with one need not suit "
        "another. MFLOP: convolutions and matrix products, a multiply-add counted as two. CPU minutes: processor "
        "time of all threads for training and stopping one network."
    )
    paragraphs = (
        f"# Compared: {listed(rows['name'].tolist())}",
        f"`python -m data_modelling.compare` wrote `{source}`, and this page from it.",
        judged,
        "\n".join(_table_of_figures(records)),
        "\n".join(_table_of_differences(records)),
        brackets,
        "\n".join(_table_of_costs(records)),
        alike,
    )
    return "\n\n".join(paragraphs) + "\n"


def _table_of_figures(records: list[dict[str, Any]]) -> list[str]:
    rows = (
        (row["name"], *(f"{figure(row[name])} {interval(bounds(row, name))}" for name in FIGURES))
        for row in records
    )
    return table(("recipe", *FIGURES.values()), rows)


def _table_of_differences(records: list[dict[str, Any]]) -> list[str]:
    names = [f"{name}_less_first" for name in FIGURES]
    rows = ((row["name"], *(signed(row[name], bounds(row, name)) for name in names)) for row in records[1:])
    return table((f"less {records[0]['name']}", *FIGURES.values()), rows)


def _table_of_costs(records: list[dict[str, Any]]) -> list[str]:
    header = ("recipe", "set apart by", "pixels", "parameters", "MFLOP a photo", "epochs", "CPU minutes")
    rows = (
        (
            row["name"],
            row["set_apart_by"],
            row["edge"],
            f"{row['parameters']:,}",
            f"{row['operations'] / 1e6:,.0f}",
            f"{row['epochs']:g}",
            f"{row['cpu_minutes']:.1f}" if row["cpu_minutes"] else "-",
        )
        for row in records
    )
    return table(header, rows)


def bounds(row: dict[str, Any], name: str) -> tuple[float, float]:
    """The ends of a figure's interval in a row of such a table."""
    return row[f"{name}_low"], row[f"{name}_high"]
