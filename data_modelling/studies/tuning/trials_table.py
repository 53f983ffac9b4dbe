"""Tabulate the trials of a search, and choose the best."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data_modelling.studies.tuning.hypermodel import OBJECTIVE, SECONDS
from data_modelling.studies.tuning.search_space import EPOCHS_KEY
from data_modelling.studies.tuning.tuners import FAILURE, RESULT_FILE, TRIAL_FILE

TUNER_PREFIX = "tuner/"  # of the names that KerasTuner adds
FACT_COLUMNS = ("trial", OBJECTIVE, "epochs", "parameters", "multiply_adds", SECONDS, FAILURE)
COUNTS = ("parameters", "multiply_adds")


def read_trials(folder: Path, epochs: int) -> pd.DataFrame:
    """Return a row for each finished trial, the best first: columns FACT_COLUMNS, then the hyperparameters.

    folder: of a search's trials. epochs: of a trial for which KerasTuner recorded none.
    """
    rows = [_row(path, epochs) for path in sorted(folder.glob(f"trial_*/{RESULT_FILE}"))]
    table = pd.DataFrame(rows, columns=list(FACT_COLUMNS)) if not rows else pd.DataFrame(rows)
    names = hyperparameters(table)
    table = table.astype(dict.fromkeys(COUNTS, "Int64"))  # missing for a failed trial
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
    """Return the hyperparameters of the best trial among those that were trained longest and did not fail."""
    finished = table[table[FAILURE].isna()]
    longest = finished[finished["epochs"] == finished["epochs"].max()]
    best = longest.loc[longest[OBJECTIVE].idxmax()]
    return {name: _plain(best[name]) for name in hyperparameters(table)}


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
