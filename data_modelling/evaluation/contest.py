"""Several recipes on the same photos: one table as csv, and the page that is made of the csv alone."""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from data_modelling.evaluation import intervals
from data_modelling.evaluation.calibration import Choices
from data_modelling.evaluation.comparison import differences
from data_modelling.evaluation.markdown import figure, interval, listed, signed, table
from data_modelling.evaluation.predictions import logits, truth
from data_modelling.evaluation.rounding import rounded
from data_modelling.inference.decision import decisions, melanoma_column, probabilities
from data_modelling.inference.errors import InputError
from data_modelling.inference.files import replaced_when_whole
from data_modelling.settings import Settings, as_dict

# Of the photo alone, and what the page calls them.
FIGURES = {
    "macro_auc": "macro AUC",
    "balanced_accuracy": "balanced accuracy",
    "melanoma_auc": "melanoma AUC",
}
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
    _refuse_other_photos(contenders)
    judged = [_judged(one) for one in contenders]
    apart = _set_apart([one.settings for one in contenders])
    rows = [
        {"name": one.settings.name, "set_apart_by": by} | _facts(one) | _figures(own)
        for one, by, own in zip(contenders, apart, judged, strict=True)
    ]
    less = [{}, *(_less(own, judged[0]) for own in judged[1:])]
    return pd.DataFrame([row | more for row, more in zip(rows, less, strict=True)])


def _refuse_other_photos(contenders: Sequence[Contender]) -> None:
    first, *others = ([one.settings.name, set(one.predictions["image_id"])] for one in contenders)
    for name, photos in others:
        if photos != first[1]:
            raise InputError(
                f"{first[0]} and {name} were judged on different photos; remove the older run and train it again."
            )


def _set_apart(recipes: Sequence[Settings]) -> list[str]:
    """What each recipe sets otherwise than another: `network.name cnn, training.epochs 20`."""
    flat = [dict(_flat(as_dict(settings))) for settings in recipes]
    names = [
        name for name in flat[0] if name not in LABELS and any(one[name] != flat[0][name] for one in flat)
    ]
    return [", ".join(f"{name} {one[name]}" for name in names) or "nothing" for one in flat]


def _flat(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
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
    judged = intervals.judge(
        truth(predictions, task),
        probability,
        decisions(probability, choices.decision_prior),
        intervals.group_indices(predictions["group_id"]),
    )
    melanoma = melanoma_column(task)
    return intervals.Judged(
        judged.whole | {"melanoma_auc": judged.whole["auc"][melanoma]},
        judged.drawn | {"melanoma_auc": judged.drawn["auc"][:, melanoma]},
    )


def _figures(judged: intervals.Judged) -> dict[str, Any]:
    between = judged.intervals()
    found: dict[str, Any] = {}
    for name in FIGURES:
        found |= _columns(name, float(judged.whole[name]), between[name])
    return found


def _less(judged: intervals.Judged, first: intervals.Judged) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, one in differences(first, judged, list(FIGURES)).items():
        found |= _columns(f"{name}_less_first", one.value, one.interval)
    return found


def _columns(name: str, value: float, bounds: Any) -> dict[str, Any]:
    return dict(zip((name, f"{name}_low", f"{name}_high"), map(rounded, (value, *bounds)), strict=True))


def write_contest(out: Path, rows: pd.DataFrame) -> None:
    """Write the table beside the page `out` as csv, and the page from it."""
    source = out.with_suffix(".csv")
    with replaced_when_whole(source) as temporary:
        rows.to_csv(temporary, index=False, lineterminator="\n")
    with replaced_when_whole(out) as temporary:
        temporary.write_text(page(pd.read_csv(source, dtype={"folds": str}), source.name))


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
        (row["name"], *(f"{figure(row[name])} {interval(_bounds(row, name))}" for name in FIGURES))
        for row in records
    )
    return table(("recipe", *FIGURES.values()), rows)


def _table_of_differences(records: list[dict[str, Any]]) -> list[str]:
    names = [f"{name}_less_first" for name in FIGURES]
    rows = ((row["name"], *(signed(row[name], _bounds(row, name)) for name in names)) for row in records[1:])
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


def _bounds(row: dict[str, Any], name: str) -> tuple[float, float]:
    return row[f"{name}_low"], row[f"{name}_high"]
