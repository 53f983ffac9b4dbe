"""Do the 95 % intervals hold the true value 95 times of 100? On made data whose true values are known."""

import numpy as np
import pytest

from data_modelling.metrics import bootstrap, classification

CLASSES = 4
SIGNAL = 1.2
DATA_SETS = 500
SEED = 2026


def made(groups_of_class: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, probabilities and groups: one to three photos a lesion, which share half of their noise."""
    group_labels = np.repeat(np.arange(CLASSES), groups_of_class)
    groups = np.repeat(np.arange(len(group_labels)), rng.integers(1, 4, len(group_labels)))
    labels = group_labels[groups]
    shared = rng.normal(0, np.sqrt(0.5), (len(group_labels), CLASSES))[groups]
    scores = np.exp(shared + rng.normal(0, np.sqrt(0.5), shared.shape) + SIGNAL * np.eye(CLASSES)[labels])
    return labels, scores / scores.sum(axis=1, keepdims=True), groups


def figures(labels: np.ndarray, probability: np.ndarray) -> dict[str, float]:
    matrix = classification.confusion_counts(labels, probability.argmax(axis=1), CLASSES)
    return {
        "macro_auc": classification.macro_auc(labels, probability),
        "balanced_accuracy": classification.balanced_accuracy(matrix),
    }


def coverage(groups_of_class: int) -> dict[str, float]:
    """Share of DATA_SETS whose interval holds the value of a data set of 200,000 lesions."""
    true = figures(*made(50_000, np.random.default_rng(SEED))[:2])
    held = dict.fromkeys(true, 0)
    for seed in range(DATA_SETS):
        labels, probability, groups = made(groups_of_class, np.random.default_rng((SEED, seed)))
        metrics = bootstrap.bootstrap_metrics(labels, probability, probability.argmax(axis=1), groups)
        between = metrics.intervals()
        for name, value in true.items():
            low, high = between[name]
            held[name] += low <= value <= high
    return {name: count / DATA_SETS for name, count in held.items()}


def test_with_fifty_lesions_a_class_coverage_is_as_stated() -> None:
    found = coverage(50)
    print(found)
    assert all(0.92 <= share <= 0.98 for share in found.values()), found


@pytest.mark.slow
def test_with_eleven_lesions_a_class_coverage_is_printed_and_not_absurd() -> None:
    """As many as dermatofibroma has in the locked test: the bootstrap of so few is known to be too narrow."""
    found = coverage(11)
    print(found)
    assert all(0.8 <= share <= 1 for share in found.values()), found
