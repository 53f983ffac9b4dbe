"""How many foreign pictures a bundle's gate refuses, the held-out sources among them; writes them into the bundle.

python -m data_modelling.rejection.foreign_test --bundle DATA/models/ham10000 --pictures DIR [--data-root DATA]

DIR is where `python -m data_modelling.rejection.foreign` put the packages' pictures. Writes predictions/foreign.csv (a
row a source); `python -m data_modelling.evaluate` then brings the figures into metrics.json and card.
"""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_modelling.datasets.roots import add_data_options
from data_modelling.evaluation.markdown import percent, percent_interval
from data_modelling.evaluation.renewal import STOPPED, renewed
from data_modelling.inference.bundle import write_sums
from data_modelling.inference.commands import run
from data_modelling.inference.details import Details
from data_modelling.inference.errors import InputError
from data_modelling.inference.files import replaced_when_whole
from data_modelling.inference.gate import Gate
from data_modelling.inference.looks import looks
from data_modelling.inference.predictor import Predictor
from data_modelling.rejection.counts import share
from data_modelling.rejection.foreign import APART, FIT, HELD_OUT, of_side, read_pictures, read_sources
from data_modelling.rejection.skin import skin_squares

TABLE = "foreign.csv"  # in the bundle's predictions
COLUMNS = ("source", "kind", "side", "pictures", "refused")


def judged(
    predictor: Predictor, pictures: Path, data_root: Path | None, splits: Path
) -> tuple[pd.DataFrame, list[str]]:
    """COLUMNS, a row a source of which something is there, and what is missing."""
    gate = Gate.load(predictor.bundle.folder, predictor.bundle.metadata)
    drawn_and_found = read_pictures((*of_side(FIT), *of_side(HELD_OUT)), pictures, predictor.edge)
    skins = of_side(APART)[0]
    skin = skin_squares(data_root, splits, predictor.edge, skins.most)
    missing = list(drawn_and_found.missing)
    if not len(skin):
        missing.append(f"{skins.name}: HAM10000 or its outlines are not there; see DATA/README.md.")
    refused = np.array(refusals(predictor, gate, [*drawn_and_found.pixels, *skin]), np.int64)
    names = np.concatenate([drawn_and_found.source, np.full(len(skin), skins.name)])
    rows = [
        (source.name, source.kind, source.side, int(inside.sum()), int(refused[inside].sum()))
        for source in read_sources()
        if (inside := names == source.name).any()
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS)), missing


def refusals(predictor: Predictor, gate: Gate, squares: Iterable[NDArray[np.uint8]]) -> list[bool]:
    """Whether the gate refuses each photo (edge, edge, 3)."""
    unknown = Details()
    return [
        gate.foreign(gate.distance(looks(square), predictor.embedding(square, unknown))) for square in squares
    ]


def write_table(folder: Path, table: pd.DataFrame) -> None:
    """Write predictions/foreign.csv of the bundle in `folder`."""
    with replaced_when_whole(folder / "predictions" / TABLE) as temporary:
        table.to_csv(temporary, columns=list(COLUMNS), index=False, lineterminator="\n")


def read_table(folder: Path) -> pd.DataFrame:
    """predictions/foreign.csv as written; InputError when it is absent or lacks a column."""
    path = folder / "predictions" / TABLE
    try:
        table = pd.read_csv(path)
    except FileNotFoundError as error:
        raise InputError(
            f"{path} is not there; `python -m {__spec__.name}` writes it into the bundle."
        ) from error
    if missing := [column for column in COLUMNS if column not in table]:
        raise InputError(f"{path} lacks the column {missing[0]}; restore the bundle.")
    return table


def foreign_figures(table: pd.DataFrame) -> dict[str, Any]:
    """Foreign pictures refused: held-out over all and by source, with intervals; the other sides by source."""
    by_side = {
        side: [
            {"source": row["source"], "kind": row["kind"]} | share(row["refused"], row["pictures"])
            for row in rows.to_dict("records")
        ]
        for side, rows in table.groupby("side", sort=False)
    }
    held_out = table[table["side"] == HELD_OUT]
    overall = share(held_out["refused"].sum(), held_out["pictures"].sum()) if len(held_out) else {}
    return {"held_out": overall, "sources": by_side}


def foreign_section(metrics: dict[str, Any]) -> list[str]:
    """The card's lines on the gate, from metrics.json's `gate` and `foreign`; only what is there is told."""
    lines = []
    if gate := metrics.get("gate"):
        folds = ", ".join(f"fold {name} {percent(fold['share'])}" for name, fold in gate["folds"].items())
        lines.append(
            f"The gate refuses {gate['refused']:,} of {gate['photos']:,} out-of-fold lesion photos as foreign: "
            f"{_with_interval(gate)} ({folds}; each fold by a gate of its own)."
        )
    foreign = metrics.get("foreign")
    if not (foreign and foreign["held_out"]):
        return [*lines, "Its rate on foreign pictures has not been measured for this bundle."]
    overall = foreign["held_out"]
    lines.append(
        f"Of {overall['photos']:,} foreign pictures of sources with which nothing was chosen it refuses "
        f"{overall['refused']:,}: {_with_interval(overall)}."
    )
    table = ["| source | kind | side | pictures | refused |", "|---|---|---|---|---|"]
    for side, rows in foreign["sources"].items():
        table += [
            f"| {row['source']} | {row['kind']} | {side} | {row['photos']:,} | {row['refused']:,} |"
            for row in rows
        ]
    lines.append("\n".join(table))
    lines.append(
        "Fit: the method was chosen with them. Apart: skin of the training photos, outside the lesions' outlines; "
        "not counted."
    )
    return lines


def _with_interval(figures: dict[str, Any]) -> str:
    return f"{percent(figures['share'])} {percent_interval(figures['interval'])}"


def main(arguments: list[str] | None = None) -> int:
    """Parse and call; the exit status."""
    parser = argparse.ArgumentParser(
        prog=f"python -m {__spec__.name}", description="Judge a bundle's gate with foreign pictures."
    )
    parser.add_argument("--bundle", type=Path, required=True, help="folder of the bundle; a csv is added")
    parser.add_argument("--pictures", type=Path, required=True, help="folder with the packages' pictures")
    add_data_options(parser)
    options = parser.parse_args(arguments)

    def command() -> list[str]:
        with renewed(options.bundle) as bundle:
            table, missing = judged(Predictor(bundle), options.pictures, options.data_root, options.splits)
            write_table(bundle.folder, table)
            write_sums(bundle.folder)
        print(table.to_string(index=False))
        if overall := foreign_figures(table)["held_out"]:
            print(f"held-out: {overall['refused']} of {overall['photos']}, {_with_interval(overall)}")
        return missing

    return run(command, stopped=STOPPED)


if __name__ == "__main__":
    sys.exit(main())
