"""The changes as a page, made of their table alone."""

from pathlib import Path
from typing import Any

import pandas as pd

from data_modelling.ablation.rows import LESS
from data_modelling.evaluation import intervals
from data_modelling.evaluation.contest import FIGURES, bounds, write_table_and_page
from data_modelling.evaluation.markdown import figure, interval, signed, table

Row = dict[str, Any]


def write_ablation(out: Path, rows: pd.DataFrame) -> None:
    """Write the table beside the page `out` as csv, and the page from it."""
    write_table_and_page(out, rows, page)


def page(rows: pd.DataFrame, source: str) -> str:
    """The page of a table; source: the name of its csv."""
    records = [{str(key): value for key, value in row.items()} for row in rows.to_dict("records")]
    first = records[0]
    names = figures_in(rows)
    paragraphs = (
        "# What each means changes",
        f"`python -m data_modelling.compare --ablations` wrote `{source}`, and this page from it.",
        _about(first, sum(row["cpu_minutes"] for row in records)),
        "\n".join(_table_of_differences(records, names)),
        _how_to_read(records, names),
        "\n".join(_table_of_figures(records, names)),
        _notes(),
    )
    return "\n\n".join(paragraphs) + "\n"


def figures_in(rows: pd.DataFrame) -> dict[str, str]:
    """Columns of figures that the table has, and what the page calls them."""
    others = [name for name in rows if name.endswith("_auc") and name not in FIGURES]
    return FIGURES | {name: _title(name) for name in others}


def _title(name: str) -> str:
    source, question = name.removesuffix("_auc").rsplit("_", 1)
    return f"{source}: {question} AUC"


def _about(first: Row, minutes: float) -> str:
    return (
        f"One recipe, and one thing changed at a time. Each was trained without fold {first['folds']} of the split "
        f"{first['split']} and judged by the photo alone on the same {first['photos']:,} photos of {first['groups']:,} "
        f"lesions of that fold, and on the other sets' photos of the same fold, which it had not seen either, at "
        f"{first['edge']} pixels but where a change says otherwise. All trainings together took {minutes:.0f} minutes "
        "of processor time."
    )


def _table_of_differences(records: list[Row], names: dict[str, str]) -> list[str]:
    rows = (
        (
            row["told"],
            *(signed(row[f"{name}_{LESS}"], bounds(row, f"{name}_{LESS}")) for name in names),
        )
        for row in records[1:]
    )
    return table(("changed, less the recipe as it is", *names.values()), rows)


def _how_to_read(records: list[Row], names: dict[str, str]) -> str:
    brackets = (
        f"In brackets: 95 % intervals of the paired difference (bootstrap over lesions or patients, "
        f"{intervals.RESAMPLES:,} resamples). They tell what other photos would change, not what another training would."
    )
    noise = [row for row in records if row["is_noise"]]
    if not noise:
        return brackets
    steps = ", ".join(
        f"{max(abs(row[f'{name}_{LESS}']) for row in noise):.3f} in {title}" for name, title in names.items()
    )
    return f"{brackets} The same recipe with another seed differs by {steps}: a difference that is not larger is no finding."


def _table_of_figures(records: list[Row], names: dict[str, str]) -> list[str]:
    rows = (
        (
            row["told"],
            *(f"{figure(row[name])} {interval(bounds(row, name))}" for name in names),
            figure(row["source_guessed"]) if pd.notna(row["source_guessed"]) else "-",
            f"{row['epochs']:g}",
            f"{row['cpu_minutes']:.1f}",
        )
        for row in records
    )
    header = ("", *names.values(), "source guessed", "epochs", "CPU minutes")
    return table(header, rows)


def _notes() -> str:
    return (
        "Temperature and decision prior of each were chosen on these same photos. Source guessed: balanced accuracy "
        "of guessing from the embedding which set a photo is of (logistic regression, crosswise over lesions): the "
        "higher, the more the network knows of where a photo comes from. The other sets' photos of the fold are few, "
        "and their intervals wide."
    )
