import json
from typing import Any

import pandas as pd
import pytest

from data_modelling.tuning.page import page
from data_modelling.tuning.searching import PAGE, page_of
from tests.conftest import PROJECT
from tests.data_modelling.tuning.test_table import trials

COMMITTED = PROJECT / "docs" / "search"


def confirmation(low: float, high: float) -> dict[str, Any]:
    """What a confirmation found whose difference in macro AUC has this interval."""
    sizes = {"parameters": 1_906_000, "multiply_adds": 88_000_000}
    values = {"value": 0.93, "interval": [0.92, 0.94]}
    less = {"value": (low + high) / 2, "interval": [low, high]}
    way = {"macro_auc": values, "balanced_accuracy": values} | sizes
    return {
        "tuner": "random",
        "judged": 1,
        "fold": 0,
        "photos": 1703,
        "epochs": 3,
        "start": way,
        "best": way,
        "best_less_start": {"macro_auc": less, "balanced_accuracy": less},
    }


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [
        (0.001, 0.02, "lies above zero: the best is better"),
        (-0.02, -0.001, "lies below zero: the best is worse"),
        (-0.01, 0.02, "the best cannot be told from the start"),
    ],
)
def test_the_page_says_whether_the_best_is_better(low: float, high: float, told: str) -> None:
    text = page(trials(12), pd.DataFrame(), confirmation(low, high))
    assert told in text
    assert f"| best less start |  |  | {(low + high) / 2:+.3f} [{low:+.3f}, {high:+.3f}] |" in text
    assert "| start | 1,906,000 | 88 | .930 [.920, .940] |" in text


def test_failed_trials_are_counted_and_not_shown() -> None:
    rows = trials(4).sort_values("macro_auc", ascending=False, ignore_index=True)
    rows.loc[3, ["failure", "macro_auc"]] = ["Oversized: 3,000,000", 0.5]
    text = page(rows, pd.DataFrame(), confirmation(0, 1))
    assert "tried 4 sets of hyperparameters" in text
    assert "; 1 failed or made" in text
    shown = [line.split(" | ")[0].removeprefix("| ") for line in text.splitlines() if line.startswith("| ")]
    assert set(rows["trial"][:3]) <= set(shown)
    assert rows["trial"][3] not in shown


def test_the_committed_page_is_made_of_its_files() -> None:
    assert (COMMITTED / PAGE).read_text() == page_of(COMMITTED)


def test_the_committed_search_found_better_on_photos_that_chose_nothing() -> None:
    less = json.loads((COMMITTED / "confirmation.json").read_text())["best_less_start"]
    assert less["macro_auc"]["interval"][0] > 0
