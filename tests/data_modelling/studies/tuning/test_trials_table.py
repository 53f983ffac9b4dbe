import numpy as np
import pandas as pd

from data_modelling.studies.tuning.hypermodel import OBJECTIVE
from data_modelling.studies.tuning.search import best_values

RNG = np.random.default_rng(0)


def trials(count: int) -> pd.DataFrame:
    """The objective follows the learning rate alone; the kernel changes nothing."""
    rate = RNG.uniform(0, 1, count)
    return pd.DataFrame(
        {
            "trial": [str(number) for number in range(count)],
            OBJECTIVE: 0.5 + 0.4 * rate,
            "epochs": 3,
            "parameters": 1,
            "multiply_adds": 1,
            "seconds": 1.0,
            "failure": None,
            "learning_rate": rate,
            "kernel": RNG.choice([3, 5], count),
            "block": RNG.choice(["plain", "residual"], count),
        }
    )


def test_the_best_is_one_of_the_longest_that_did_not_fail() -> None:
    table = trials(4)
    table[OBJECTIVE] = [0.9, 0.8, 0.7, 0.95]
    table["epochs"] = [1, 9, 9, 9]
    table["failure"] = [None, None, None, "ValueError: no"]
    table["kernel"] = [3, 5, 3, 3]
    assert best_values(table)["kernel"] == 5
