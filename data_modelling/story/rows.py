"""The story as a table: a row a step, all that its page, its plots and the app say of it."""

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_modelling.evaluation.contest import (
    LABELS,
    difference_columns,
    figure_columns,
    flat,
    judged_answers,
    refuse_other_photos,
)
from data_modelling.evaluation.intervals import Judged
from data_modelling.evaluation.metrics import confusion
from data_modelling.evaluation.predictions import truth
from data_modelling.evaluation.results import named
from data_modelling.inference.bundle import Bundle
from data_modelling.inference.diagnoses import codes
from data_modelling.settings import Settings, as_dict, from_dict
from data_modelling.story.steps import FINAL, MELANOMA, TUNED, compared_with
from data_modelling.story.telling import Told

BY_PRIOR = "balanced_accuracy_by_prior"
# What the page calls them.
FIGURES = named("balanced_accuracy", "macro_auc", "melanoma_auc") | {
    "melanoma_sensitivity": "melanoma sensitivity",
    BY_PRIOR: "balanced accuracy by decision prior",
}
LESS = "less"
# Settings by which a recipe of full size is other than a small one: what it is called, size, length and folds.
OF_SIZE = (
    *LABELS,
    "folds",
    "figure_folds",
    "network.edge",
    "training.epochs",
    "training.warmup_epochs",
)


def rows(told: Sequence[Told], search_folds: Sequence[int], bundle: Bundle) -> pd.DataFrame:
    """A row a step: what it is, FIGURES with intervals, paired differences (`_less`), counts and cost.

    search_folds: the fold that judged the search's trials and the one that none of them read, noted with the tuned step.
    bundle: whose figures at full size are noted with the final recipe.

    Raises InputError when the steps were not judged on the same photos.
    """
    refuse_other_photos([(one.step.name, one.predictions) for one in told])
    by_name = {one.step.name: one for one in told}
    judged = {name: _judged(one) for name, one in by_name.items()}
    table = []
    for number, one in enumerate(told):
        own = judged[one.step.name]
        before = compared_with(one.step, [earlier.step for earlier in told[:number]])
        row = _facts(one) | figure_columns(own, list(FIGURES)) | {LESS: before and before.name}
        if before:
            row |= difference_columns(judged[before.name], own, list(FIGURES), LESS)
            row |= _melanomas(by_name[before.name], one)
        if one.step.name == TUNED:
            row["search_folds"] = " ".join(map(str, search_folds))
        if one.step.name == FINAL:
            row |= full_size(bundle, one.settings)
        table.append(row)
    return pd.DataFrame(table)


def _judged(one: Told) -> Judged:
    """FIGURES of a step: those of its own decision, and the balanced accuracy of the other rule beside them."""
    task = one.settings.task
    own, prior = (
        judged_answers(one.predictions, one.probability, decided, task)
        for decided in (one.decided, one.by_prior)
    )
    return Judged(
        own.whole | {BY_PRIOR: prior.whole["balanced_accuracy"]},
        own.drawn | {BY_PRIOR: prior.drawn["balanced_accuracy"]},
    )


def _facts(one: Told) -> dict[str, Any]:
    settings, step = one.settings, one.step
    matrix = confusion(truth(one.predictions, settings.task), one.decided, len(codes(settings.task)))
    return {
        "name": step.name,
        "decided": step.decided,
        "task": settings.task,
        "split": settings.split,
        "folds": " ".join(map(str, settings.figure_folds)),
        "photos": len(one.predictions),
        "groups": one.predictions["group_id"].nunique(),
        "edge": settings.network.edge,
        **dataclasses.asdict(one.cost),
        "confusion": written(matrix),
    }


def _melanomas(before: Told, after: Told) -> dict[str, int]:
    """How many photos of melanoma are found that were missed before, and the other way round."""
    melanoma = codes(after.settings.task).index(MELANOMA)
    of_melanoma = truth(after.predictions, after.settings.task) == melanoma
    found, found_before = (one.decided[of_melanoma] == melanoma for one in (after, before))
    return {
        "melanomas_won": int(np.sum(found & ~found_before)),
        "melanomas_lost": int(np.sum(found_before & ~found)),
    }


def written(matrix: NDArray[np.int64]) -> str:
    """A matrix of counts as text: rows (the truth) separated by `;`."""
    return ";".join(" ".join(map(str, row)) for row in matrix.tolist())


def read_matrix(text: str) -> NDArray[np.int64]:
    """A matrix as `written` writes it."""
    return np.array([[int(count) for count in row.split()] for row in text.split(";")], np.int64)


def full_size(bundle: Bundle, recipe: Settings) -> dict[str, Any]:
    """What the bundle of the final recipe says of itself, at its own size and length, out of fold and photo alone.

    full_differs: what else is other than in the story's own final recipe, as JSON; see `differing`.
    """
    values, settings = bundle.metrics["out_of_fold"], bundle.metadata["settings"]
    photo = values["photo"]
    melanoma = photo["classes"][MELANOMA]
    found = {
        "balanced_accuracy": (photo["balanced_accuracy"], photo["intervals"]["balanced_accuracy"]),
        "macro_auc": (photo["macro_auc"], photo["intervals"]["macro_auc"]),
        "melanoma_auc": (melanoma["auc"], melanoma["auc_interval"]),
        "melanoma_sensitivity": (melanoma["sensitivity"], melanoma["sensitivity_interval"]),
    }
    facts = {
        "full_bundle": f"{bundle.name} {bundle.version}",
        "full_edge": bundle.metadata["edge"],
        "full_epochs": settings["training"]["epochs"],
        "full_folds": len(settings["figure_folds"]),
        "full_photos": values["photos"],
        "full_differs": json.dumps(differing(recipe, from_dict(settings))),
    }
    for name, (value, (low, high)) in found.items():
        facts |= {f"full_{name}": value, f"full_{name}_low": low, f"full_{name}_high": high}
    return facts


def differing(small: Settings, full: Settings) -> dict[str, tuple[Any, Any]]:
    """The settings, all but OF_SIZE, that two recipes have otherwise: the value in each; None where one has none."""
    ours, theirs = (dict(flat(as_dict(settings))) for settings in (small, full))
    return {
        name: (ours.get(name), theirs.get(name))
        for name in ours | theirs
        if name.removeprefix("earlier.") not in OF_SIZE and ours.get(name) != theirs.get(name)
    }
