"""Does what a search found hold on photos that it never read? Start and best, trained alike, judged on another fold."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from data_modelling.datasets.splits import in_fold
from data_modelling.evaluation import intervals
from data_modelling.evaluation.comparison import differences
from data_modelling.evaluation.rounding import plain
from data_modelling.inference.decision import decisions
from data_modelling.inference.diagnoses import codes
from data_modelling.inference.files import replaced_when_whole
from data_modelling.networks.cnn import multiply_adds
from data_modelling.settings import Settings, as_dict
from data_modelling.training.development import Development
from data_modelling.training.pipeline import Examples, examples, predict_logits
from data_modelling.training.road import fold_network
from data_modelling.training.shares import actual_shares

FILE = "confirmation.json"


def confirm(
    start: Settings, best: Settings, development: Development, fold: int, folder: Path, tuner: str
) -> dict[str, Any]:
    """Figures of both on the fold that neither the search nor the two trainings saw, and best less start.

    tuner: of the search, as its name.

    The intervals are paired, 95 %, by the bootstrap over groups. Written to FILE in `folder`, which keeps the
    trainings too, so that an interrupted one goes on.
    """
    recipes = {"start": start, "best": best}
    networks = {
        name: fold_network(settings, development, fold, _begun(folder / name, settings))
        for name, settings in recipes.items()
    }
    ways = {name: _judged(network, best.task, development, fold) for name, network in networks.items()}
    found = {
        "tuner": tuner,
        "judged": start.figure_folds[0],
        "fold": fold,
        "photos": int(in_fold(development.table, fold).sum()),
        "epochs": best.training.epochs,
        **{name: _figures(judged) | _sizes(networks[name], recipes[name]) for name, judged in ways.items()},
        "best_less_start": {
            name: {key: plain(value) for key, value in asdict(difference).items()}
            for name, difference in differences(ways["start"], ways["best"]).items()
        },
    }
    with replaced_when_whole(folder / FILE) as temporary:
        temporary.write_text(json.dumps(found, indent=1) + "\n")
    return found


def _begun(work: Path, settings: Settings) -> Path:
    """The folder of a training with these settings; one with others, of a search that found something else, is gone."""
    noted, told = work / "settings.json", json.dumps(as_dict(settings), indent=1)
    if work.exists() and not (noted.exists() and noted.read_text() == told):
        shutil.rmtree(work)
    with replaced_when_whole(noted) as temporary:
        temporary.write_text(told)
    return work


def _judged(network: keras.Model, task: str, development: Development, fold: int) -> intervals.Judged:
    inside = in_fold(development.table, fold)
    held_out = examples(development.table, development.pixels, inside, task)
    probability = softmax(predict_logits(network, held_out, with_details=False).astype(float), axis=1)
    training = examples(development.table, development.pixels, ~inside, task)
    decided = decisions(probability, _shares(training, task))
    groups = intervals.group_indices(development.table["group_id"][inside])
    return intervals.judge(held_out.labels, probability, decided, groups)


def _shares(part: Examples, task: str) -> NDArray[np.float64]:
    return actual_shares(part.labels, len(codes(task)))


def _sizes(network: keras.Model, settings: Settings) -> dict[str, int]:
    return {"parameters": network.count_params(), "multiply_adds": multiply_adds(settings.network)}


def _figures(judged: intervals.Judged) -> dict[str, Any]:
    return {
        name: {
            "value": plain(float(judged.whole[name])),
            "interval": plain(intervals.interval(judged.drawn[name])),
        }
        for name in ("macro_auc", "balanced_accuracy")
    }
