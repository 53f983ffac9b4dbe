"""A search from the photos to its results: trials, what mattered, the best as a recipe, and whether it holds.

Fold `judged` measures the trials, fold `unread` confirms what they found: no trial reads a photo of it.
"""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import tomli_w
from numpy.typing import NDArray

from data_modelling.datasets.splits import in_fold, training_sides
from data_modelling.inference.errors import InputError
from data_modelling.inference.files import replaced_when_whole
from data_modelling.settings import Settings, as_dict
from data_modelling.training.development import Development
from data_modelling.training.pipeline import examples
from data_modelling.training.road import Sources, development_part, opened, sources_of
from data_modelling.training.same_photos import refuse_others
from data_modelling.tuning.confirmation import FILE, confirm
from data_modelling.tuning.hypermodel import CNNHyperModel, Parts
from data_modelling.tuning.page import page
from data_modelling.tuning.space import chosen
from data_modelling.tuning.table import best_values, draw_trials, mattered, trials_of
from data_modelling.tuning.tuners import FAILURE, Search, search_of

TRIALS, MATTERED, PLOT, BEST = "trials.csv", "mattered.csv", "trials.png", "best.toml"
PAGE = "search.md"


def search(
    base: Settings, sources: Sources, folder: Path, kind: str, trials: int, epochs: int, resume: bool
) -> list[str]:
    """Search around `base`; writes TRIALS, MATTERED, PLOT, BEST, PAGE and confirmation.FILE into `folder`.

    kind, trials, epochs: as for tuners.search_of. figure_folds of the recipe are the judged and the unread fold.
    Returns what was left out of the data, as text. Raises InputError as `train` does, and without two folds.
    """
    if len(base.figure_folds) != 2:
        raise InputError(
            "A search needs two figure_folds: one that judges the trials, and one that none reads."
        )
    judged, unread = base.figure_folds
    base = replace(base, training=replace(base.training, epochs=epochs))
    opened(folder, base, resume, free=())
    development, left_out = development_part(base, sources_of(base, sources, folder), folder)
    _refuse_other_photos(base, development, judged, unread, folder)
    tuner = search_of(
        kind, CNNHyperModel(base, parts(base, development, judged, unread)), folder, trials, epochs, base.seed
    )
    tuner.search(verbose=0)  # its tables are for a terminal of its own; trials tell themselves
    best = _written(tuner, base, folder)
    confirm(base, best, development, unread, folder, kind)
    with replaced_when_whole(folder / PAGE) as temporary:
        temporary.write_text(page_of(folder))
    return left_out


def page_of(folder: Path) -> str:
    """The page of a search whose tables are in `folder`."""
    rows, importance = (pd.read_csv(folder / name, dtype={"trial": str}) for name in (TRIALS, MATTERED))
    return page(rows, importance, json.loads((folder / FILE).read_text()))


def parts(base: Settings, development: Development, judged: int, unread: int) -> Parts:
    """What trials learn from, stop by and are judged on; nothing of the fold `unread`."""
    table = development.table
    rows = _rows_of_parts(base, table, judged, unread).values()
    return Parts(*(examples(table, development.pixels, part, base.task) for part in rows))


def _rows_of_parts(
    base: Settings, table: pd.DataFrame, judged: int, unread: int
) -> dict[str, NDArray[np.bool_]]:
    seen = ~(in_fold(table, judged) | in_fold(table, unread))
    learning, stopping = training_sides(table, seen, base.seed)
    return {
        "training photos": learning,
        "stopping photos": stopping,
        "judging photos": in_fold(table, judged),
    }


def _refuse_other_photos(
    base: Settings, development: Development, judged: int, unread: int, folder: Path
) -> None:
    """Raise InputError where the finished trials of a folder knew other photos."""
    table = development.table
    refuse_others(folder, table, _rows_of_parts(base, table, judged, unread), base.network.weights)


def _written(tuner: Search, base: Settings, folder: Path) -> Settings:
    """Write the results of the trials; the best recipe, at the length of the whole schedule."""
    table = trials_of(Path(tuner.project_dir), base.training.epochs)
    for name, rows in ((TRIALS, table), (MATTERED, mattered(table))):
        with replaced_when_whole(folder / name) as temporary:
            rows.to_csv(temporary, index=False, float_format="%.6g", lineterminator="\n")
    if table[FAILURE].notna().all():
        raise InputError(f"All {len(table)} trials failed; {folder / TRIALS} says why.")
    draw_trials(folder / PLOT, table)
    values = tuner.oracle.get_space()
    values.values = best_values(table)
    best = chosen(values, base)
    with replaced_when_whole(folder / BEST) as temporary:
        temporary.write_text(tomli_w.dumps(as_dict(best)))
    return best
