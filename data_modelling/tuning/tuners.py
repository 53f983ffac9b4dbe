"""KerasTuner's searches, made to survive what a long search meets: a failing trial, a killed process.

Each trial has a folder. `result.json` there is what it gave, or why it failed; a trial whose process was killed
goes on from its last epoch. KerasTuner itself would end a search after a few failing trials, leave Hyperband
waiting for a failed one, and go on with a promoted trial from weights whose schedule has ended at zero.
"""

import json
import warnings
from pathlib import Path
from typing import Any

import keras_tuner
from keras_tuner import oracles
from keras_tuner.engine import base_tuner
from keras_tuner.engine import trial as trials
from sklearn.exceptions import ConvergenceWarning
from tqdm import tqdm

from data_modelling.inference.files import replaced_when_whole
from data_modelling.tuning.hypermodel import OBJECTIVE, CNNHyperModel

CHANCE = 0.5  # the objective of a trial that failed: what knows nothing has
FACTOR = 3  # by which Hyperband lengthens trainings, and divides networks, from round to round
# Share of a Bayesian search's trials before its model of them chooses; Keras's three a hyperparameter are all of few.
DRAWN = 1 / 3
RESULT, FAILURE = "result.json", "failure"


class Search(base_tuner.BaseTuner):  # type: ignore[misc]  # KerasTuner has no types
    """One of KerasTuner's oracles over a hypermodel, each trial in its own folder."""

    def run_trial(self, trial: trials.Trial, *_: Any, **__: Any) -> dict[str, float]:
        """Build and fit a trial's network, from new weights; OBJECTIVE is CHANCE when that fails."""
        folder = Path(self.get_trial_dir(trial.trial_id))
        path = folder / RESULT
        if not path.exists():
            result = self._tried(trial.hyperparameters, folder)
            with replaced_when_whole(path) as temporary:
                temporary.write_text(json.dumps(result, indent=1) + "\n")
        result = json.loads(path.read_text())
        tqdm.write(f"{folder.name}: macro AUC {result[OBJECTIVE]:.4f}")
        return {OBJECTIVE: result[OBJECTIVE]}

    def _tried(self, values: keras_tuner.HyperParameters, folder: Path) -> dict[str, Any]:
        try:
            found: dict[str, Any] = self.hypermodel.fit(values, self.hypermodel.build(values), folder)
        except Exception as error:  # noqa: BLE001 - any: one trial must not end the search; it is told and kept
            reason = f"{type(error).__name__}: {error}"
            tqdm.write(f"Trial {folder.name} failed and counts as chance. {reason}")
            return {OBJECTIVE: CHANCE, FAILURE: reason}
        return found


class _FromStart:
    """Of an oracle: its first trial is the recipe that the search starts from, so that the best is none worse."""

    def populate_space(self: Any, trial_id: str) -> dict[str, Any]:
        if self.trials:
            found: dict[str, Any] = super().populate_space(trial_id)  # type: ignore[misc]  # the oracle's
            return found
        values = {parameter.name: parameter.default for parameter in self.hyperparameters.space}
        return {"status": trials.TrialStatus.RUNNING, "values": values}


class HyperbandFromStart(_FromStart, oracles.HyperbandOracle):  # type: ignore[misc]
    """Hyperband (Li et al. 2018, arXiv:1603.06560); the start is trained at full length, beside the brackets."""


class RandomFromStart(_FromStart, oracles.RandomSearchOracle):  # type: ignore[misc]
    """Values drawn at random."""


class BayesianFromStart(_FromStart, oracles.BayesianOptimizationOracle):  # type: ignore[misc]
    """A Gaussian process over what was tried (Snoek et al. 2012, arXiv:1206.2944)."""

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        with warnings.catch_warnings():
            # With few trials the process has no length of its own yet; what it then proposes is as good as drawn.
            warnings.simplefilter("ignore", ConvergenceWarning)
            return super().populate_space(trial_id)


def search_of(
    kind: str, hypermodel: CNNHyperModel, folder: Path, trials: int, epochs: int, seed: int
) -> Search:
    """A search that is kept in `folder`/`kind` and goes on if it is there already.

    kind: hyperband, random or bayesian. trials: how many networks; Hyperband makes as many as its brackets have. epochs: of
    the longest training.
    """
    objective = keras_tuner.Objective(OBJECTIVE, "max")
    if kind == "hyperband":
        oracle = HyperbandFromStart(objective, max_epochs=epochs, factor=FACTOR, seed=seed)
    elif kind == "random":
        oracle = RandomFromStart(objective, max_trials=trials, seed=seed)
    else:
        drawn = max(1, round(DRAWN * trials))
        oracle = BayesianFromStart(objective, max_trials=trials, num_initial_points=drawn, seed=seed)
    return Search(oracle, hypermodel, str(folder), kind)
