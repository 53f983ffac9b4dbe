"""What the trials of a search gave: a table, which hyperparameters mattered, and a plot of each."""

import json
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.ensemble import RandomForestRegressor
from sklearn.inspection import permutation_importance

from data_modelling.evaluation.style import BLUE, GREY, ORANGE, page
from data_modelling.tuning.hypermodel import OBJECTIVE, SECONDS
from data_modelling.tuning.space import EPOCHS
from data_modelling.tuning.tuners import FAILURE, RESULT

TUNER = "tuner/"  # how the names begin that KerasTuner adds
FACTS = ("trial", OBJECTIVE, "epochs", "parameters", "multiply_adds", SECONDS, FAILURE)
COUNTS = ("parameters", "multiply_adds")
FEWEST = 8  # trials below which nothing is said of what mattered
LOGARITHMIC = ("learning_rate", "weight_decay")  # drawn on such a scale; all others are choices of few
REPEATS = 30  # shuffles of each hyperparameter


def trials_of(folder: Path, epochs: int) -> pd.DataFrame:
    """A row a finished trial, the best first: columns FACTS, then the hyperparameters.

    folder: of a search's trials. epochs: of a trial of which KerasTuner says nothing.
    """
    rows = [_row(path, epochs) for path in sorted(folder.glob(f"trial_*/{RESULT}"))]
    table = pd.DataFrame(rows, columns=list(FACTS)) if not rows else pd.DataFrame(rows)
    names = [name for name in table if name not in FACTS]
    table = table.astype(dict.fromkeys(COUNTS, "Int64"))  # which knows "none", of a trial that failed
    return table.sort_values([OBJECTIVE, "trial"], ascending=[False, True], ignore_index=True)[
        [*FACTS, *names]
    ]


def _row(result: Path, epochs: int) -> dict[str, Any]:
    found = json.loads(result.read_text())
    values = json.loads((result.parent / "trial.json").read_text())["hyperparameters"]["values"]
    known = {name: value for name, value in values.items() if not name.startswith(TUNER)}
    facts = {"trial": result.parent.name.removeprefix("trial_"), "epochs": values.get(EPOCHS, epochs)}
    return dict.fromkeys(FACTS) | facts | found | known


def mattered(table: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """How much worse a random forest tells the objective when one hyperparameter is shuffled (Breiman 2001).

    Columns hyperparameter, importance (of the share of variance explained) and spread (standard deviation over
    shuffles), the largest first; of trials that did not fail. Empty with fewer than FEWEST of them.
    """
    whole = table[table[FAILURE].isna()]
    columns = ["hyperparameter", "importance", "spread"]
    if len(whole) < FEWEST:
        return pd.DataFrame(columns=columns)
    names = ["epochs", *hyperparameters(table)]
    coded = whole[names].apply(lambda values: values if _is_number(values) else pd.factorize(values)[0])
    forest = RandomForestRegressor(300, min_samples_leaf=2, random_state=seed).fit(coded, whole[OBJECTIVE])
    found = permutation_importance(forest, coded, whole[OBJECTIVE], n_repeats=REPEATS, random_state=seed)
    rows = pd.DataFrame(
        {"hyperparameter": names, "importance": found.importances_mean, "spread": found.importances_std}
    )
    return rows.sort_values("importance", ascending=False, ignore_index=True)[columns]


def hyperparameters(table: pd.DataFrame) -> list[str]:
    """The names of what the search changed."""
    return [name for name in table if name not in FACTS]


def draw_trials(path: Path, table: pd.DataFrame) -> None:
    """Each hyperparameter against the objective, long and short trainings in two colours."""
    whole = table[table[FAILURE].isna()].sort_values("trial")  # side by side, and not as a falling curve
    names = hyperparameters(table)
    rows = -(-len(names) // 3)
    with page(path, 10, 2.6 * rows, colours=128) as figure:
        _draw(figure, whole, names, rows)


def _draw(figure: Figure, whole: pd.DataFrame, names: list[str], rows: int) -> None:
    longest = whole["epochs"].max()
    long = whole["epochs"] == longest
    for axes, name in zip(figure.subplots(rows, 3, squeeze=False).flat, [*names, *[""] * 2], strict=False):
        if not name:
            axes.axis("off")
            continue
        places = whole[name] if name in LOGARITHMIC else _at_equal_distances(axes, whole[name])
        for part, colour, label in (
            (~long, ORANGE, f"fewer than {longest} epochs"),
            (long, BLUE, f"{longest} epochs"),
        ):
            axes.scatter(places[part], whole.loc[part, OBJECTIVE], s=18, color=colour, label=label, alpha=0.7)
        if name in LOGARITHMIC:
            axes.set_xscale("log")
        axes.set_title(name.replace("_", " "), fontsize=11)
        axes.tick_params(axis="x", labelsize=7)
        axes.set_ylabel("macro AUC", color=GREY, fontsize=9)
    if not long.all():
        handles, labels = figure.axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)


def _at_equal_distances(axes: Axes, values: pd.Series) -> pd.Series:
    """Where to draw each of few different values, side by side where they are the same; names them on the axis."""
    order = sorted(values.unique())
    code = values.map({value: at for at, value in enumerate(order)})
    alike = code.groupby(code)
    across = (alike.cumcount() + 0.5) / alike.transform("size") - 0.5
    axes.set_xticks(range(len(order)), [textwrap.fill(str(value), 8) for value in order])
    axes.set_xlim(-0.6, len(order) - 0.4)
    return code + 0.5 * across


def _is_number(values: pd.Series) -> bool:
    return bool(pd.api.types.is_numeric_dtype(values)) and not bool(pd.api.types.is_bool_dtype(values))


def best_values(table: pd.DataFrame) -> dict[str, Any]:
    """The hyperparameters of the best trial among those that were trained longest and did not fail."""
    whole = table[table[FAILURE].isna()]
    longest = whole[whole["epochs"] == whole["epochs"].max()]
    best = longest.loc[longest[OBJECTIVE].idxmax()]
    return {name: _plain(best[name]) for name in hyperparameters(table)}


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
