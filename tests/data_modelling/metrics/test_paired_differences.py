from typing import Any

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from data_modelling.metrics import bootstrap
from data_modelling.metrics.bootstrap import paired_differences

LABELS = np.random.default_rng(0).integers(0, 3, 240)
GROUPS = np.arange(240) // 2


def way(signal: float, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities and decisions of a model that knows as much as `signal`."""
    scores = np.random.default_rng(seed).random((240, 3)) + signal * np.eye(3)[LABELS]
    probability = scores / scores.sum(axis=1, keepdims=True)
    return probability, probability.argmax(axis=1)


def compared(*ways: tuple[np.ndarray, np.ndarray]) -> dict[str, dict[str, Any]]:
    return paired_differences(*(bootstrap.bootstrap_metrics(LABELS, *one, GROUPS) for one in ways))


def test_differences_are_those_of_scikit_learns_metrics() -> None:
    first, second = way(0.2), way(0.6)
    found = compared(first, second)
    aucs = [roc_auc_score(LABELS, probability, multi_class="ovr") for probability, _ in (first, second)]
    assert found["macro_auc"]["difference"] == pytest.approx(aucs[1] - aucs[0], abs=1e-6)
    balanced = [balanced_accuracy_score(LABELS, decided) for _, decided in (first, second)]
    assert found["balanced_accuracy"]["difference"] == pytest.approx(balanced[1] - balanced[0], abs=1e-6)
    low, high = found["macro_auc"]["interval"]
    assert 0 < low < found["macro_auc"]["difference"] < high


def test_a_way_compared_with_itself_differs_by_nothing_for_certain() -> None:
    found = compared(way(0.3), way(0.3))
    assert all(one == {"difference": 0.0, "interval": [0.0, 0.0]} for one in found.values())


def test_turning_the_pair_round_turns_the_sign() -> None:
    there, back = (
        compared(way(0.2), way(0.6)),
        compared(way(0.6), way(0.2)),
    )
    for name, one in there.items():
        assert back[name]["difference"] == pytest.approx(-one["difference"])
        turned = [-one["interval"][1], -one["interval"][0]]
        assert back[name]["interval"] == pytest.approx(turned, abs=1e-6)
