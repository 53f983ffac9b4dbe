"""Run a hyperparameter search, and write three files: a table of trials, the starting recipe and the best recipe.

The recipe's figure_folds name two folds. The trials are judged on the first. The command `compare` judges the two
recipes on the second, of which no trial reads a photo.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras_tuner
import pandas as pd
import tomli_w
from msgspec import structs

from data_modelling.inference.errors import InputError
from data_modelling.inference.files.atomic_files import atomic_write
from data_modelling.inference.files.file_locks import exclusive_lock
from data_modelling.metrics.predictions import write_table
from data_modelling.pipeline.run_networks import open_run
from data_modelling.pipeline.work_folder import open_work_folder
from data_modelling.settings import Settings, settings_to_dict
from data_modelling.studies.tuning.hypermodel import (
    OBJECTIVE,
    SECONDS,
    CNNHyperModel,
    trial_photos,
    trial_rows,
)
from data_modelling.studies.tuning.search_space import EPOCHS_KEY, trial_settings
from data_modelling.studies.tuning.tuners import (
    FAILURE,
    RESULT_FILE,
    TRIAL_FILE,
    create_oracle,
    is_full_disk,
    run_trials_here,
)
from data_modelling.training.development_set import DataFolders
from data_modelling.training.fingerprint import check_fingerprint

TRIALS_FILE, START_FILE, BEST_FILE = "trials.csv", "start.toml", "best.toml"
LOCK_FILE = "lock"
TUNER_PREFIX = "tuner/"  # start of the names of the hyperparameters that KerasTuner itself adds
FACT_COLUMNS = ("trial", OBJECTIVE, "epochs", "parameters", "multiply_adds", SECONDS, FAILURE)
COUNTS = ("parameters", "multiply_adds")
RunTrials = Callable[[keras_tuner.Oracle, CNNHyperModel, DataFolders, Path], None]


def run_search(
    base: Settings,
    sources: DataFolders,
    folder: Path,
    kind: str,
    trials: int,
    epochs: int,
    resume: bool,
    run_trials: RunTrials = run_trials_here,
) -> list[str]:
    """Search for better settings than those of `base`; write TRIALS_FILE, START_FILE and BEST_FILE to `folder`.

    kind, trials: see tuners.create_oracle. epochs: the length of the longest training. run_trials: a function that runs
    all trials, in this process or on a cluster. Returns the skipped inputs as text. Raises InputError like `train`, and
    if `base` does not name two folds, if another search runs in `folder`, if all trials fail, or if the disk is full.
    """
    if len(base.figure_folds) != 2:
        raise InputError(
            "A search needs two figure_folds: one on which trials are judged, and one that no trial reads."
        )
    base = structs.replace(base, training=structs.replace(base.training, epochs=epochs))
    refusal = f"Another search is running in {folder}; wait for it, or choose another --out."
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with exclusive_lock(folder / LOCK_FILE, refusal):
            open_work_folder(folder, base, resume, free=())
            run = open_run(base, sources, folder)
            rows = trial_rows(base, run.development.table, *base.figure_folds)
            check_fingerprint(folder, run.development.table, rows)
            hypermodel = CNNHyperModel(base, trial_photos(base, run.development, *base.figure_folds))
            run_trials(create_oracle(kind, base, trials), hypermodel, sources, folder / kind)
            _write_results(base, folder, kind)
            return run.left_out
    except Exception as error:
        if is_full_disk(error):
            raise InputError(
                f"{folder} cannot be written: the disk is full. Free some space, and add --resume to continue."
            ) from error
        raise


def _write_results(base: Settings, folder: Path, kind: str) -> None:
    """Write TRIALS_FILE and the two recipes, which get the epochs of the longest training and only the second fold."""
    table = read_trials(folder / kind, base.training.epochs)
    write_table(folder / TRIALS_FILE, table, float_format="%.6g")
    if table[FAILURE].notna().all():
        raise InputError(f"All {len(table)} trials failed; {folder / TRIALS_FILE} says why.")
    values = keras_tuner.HyperParameters()
    values.values = best_values(table)
    for file, settings in ((START_FILE, base), (BEST_FILE, trial_settings(values, base))):
        name = f"{base.name}_{Path(file).stem}"
        recipe = structs.replace(settings, name=name, figure_folds=base.figure_folds[1:])
        with atomic_write(folder / file) as temporary:
            temporary.write_text(tomli_w.dumps(settings_to_dict(recipe)))


def read_trials(folder: Path, epochs: int) -> pd.DataFrame:
    """Return a row for each finished trial, the best first, with FACT_COLUMNS and a column for each hyperparameter.

    folder: the folder of a search's trials. epochs: the epochs of a trial for which KerasTuner recorded no number.
    """
    rows = [_row(path, epochs) for path in sorted(folder.glob(f"trial_*/{RESULT_FILE}"))]
    table = pd.DataFrame(rows, columns=list(FACT_COLUMNS)) if not rows else pd.DataFrame(rows)
    names = hyperparameters(table)
    table = table.astype(dict.fromkeys(COUNTS, "Int64"))  # a failed trial has no counts
    return table.sort_values([OBJECTIVE, "trial"], ascending=[False, True], ignore_index=True)[
        [*FACT_COLUMNS, *names]
    ]


def _row(result: Path, epochs: int) -> dict[str, Any]:
    facts_of_result = json.loads(result.read_text())
    values = json.loads((result.parent / TRIAL_FILE).read_text())["hyperparameters"]["values"]
    trial_values = {name: value for name, value in values.items() if not name.startswith(TUNER_PREFIX)}
    facts = {"trial": result.parent.name.removeprefix("trial_"), "epochs": values.get(EPOCHS_KEY, epochs)}
    return dict.fromkeys(FACT_COLUMNS) | facts | facts_of_result | trial_values


def hyperparameters(table: pd.DataFrame) -> list[str]:
    """Return the names of the searched hyperparameters."""
    return [str(name) for name in table.columns if name not in FACT_COLUMNS]


def best_values(table: pd.DataFrame) -> dict[str, Any]:
    """Return the hyperparameters of the best trial among the successful trials with the most epochs."""
    finished = table[table[FAILURE].isna()]
    longest = finished[finished["epochs"] == finished["epochs"].max()]
    best = longest.loc[[longest[OBJECTIVE].idxmax()], hyperparameters(table)]
    return {str(name): value for name, value in best.to_dict("records")[0].items()}  # in Python's own types
