"""All that is chosen after training, on out-of-fold photos alone: temperature, decision prior, thresholds."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from data_modelling.evaluation.metrics import balanced_accuracy, confusion, negative_log_likelihood
from data_modelling.evaluation.predictions import MODES, learned_logits, logits, truth
from data_modelling.inference.decision import cancer_columns, decisions, melanoma_column, probabilities

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

TEMPERATURES = (0.2, 5.0)  # where the best one is looked for
POWERS = np.arange(0, 1.51, 0.05)  # of the class shares, from plain argmax to more than balanced


@dataclass(frozen=True)
class Choices:
    """temperature: divides the logits. decision_prior: (classes,), sums to 1. thresholds: at or above which
    the probability of the cancer group, or of melanoma, is of higher concern.
    """

    temperature: float
    decision_prior: Floats
    cancer_threshold: float
    melanoma_threshold: float


def choose(predictions: pd.DataFrame, task: str, shares: Floats, sensitivity: float) -> Choices:
    """Choose on out-of-fold predictions.

    The temperature fits the photo alone and photo with details together, since both are served. Decision
    prior and thresholds are chosen for the photo alone. shares: (classes,) of the development part.
    """
    labels = truth(predictions, task)
    temperature = fitted_temperature(predictions, task)
    probability = probabilities(logits(predictions, "photo", task), temperature)
    cancer, melanoma = cancer_columns(task), melanoma_column(task)
    return Choices(
        temperature,
        best_decision_prior(probability, labels, shares),
        sensitivity_threshold(probability[:, cancer].sum(axis=1), cancer[labels], sensitivity),
        sensitivity_threshold(probability[:, melanoma], labels == melanoma, sensitivity),
    )


def fitted_temperature(predictions: pd.DataFrame, task: str) -> float:
    """The best temperature for the photo alone and photo with details together, over the classes learned."""
    scores = np.concatenate([learned_logits(predictions, mode, task) for mode in MODES])
    return best_temperature(scores, np.tile(truth(predictions, task), len(MODES)))


def best_temperature(scores: Floats, labels: Labels) -> float:
    """The temperature with the least negative log-likelihood (Guo et al. 2017, arXiv:1706.04599)."""

    def loss(log_temperature: float) -> float:
        return negative_log_likelihood(labels, probabilities(scores, float(np.exp(log_temperature))))

    low, high = np.log(TEMPERATURES)
    return float(np.exp(minimize_scalar(loss, bounds=(low, high), method="bounded").x))


def best_decision_prior(probability: Floats, labels: Labels, shares: Floats) -> Floats:
    """Class shares to the power that gives the best balanced accuracy of the decision; (classes,), sums to 1.

    Power 0 decides for the most probable class, 1 for the class most raised over its share; one number is
    chosen, so that there is little to fit by chance.
    """
    # A class that the data set does not have is never decided against by dividing by nothing.
    floor = np.maximum(shares, shares[shares > 0].min())
    best, best_prior = -1.0, floor
    for power in POWERS:
        prior = floor**power / (floor**power).sum()
        found = balanced_accuracy(confusion(labels, decisions(probability, prior), len(shares)))
        if found > best:
            best, best_prior = found, prior
    return best_prior


def sensitivity_threshold(score: Floats, positive: NDArray[np.bool_], sensitivity: float) -> float:
    """The highest threshold at or above which at least `sensitivity` of the positives lie."""
    ranked = np.sort(score[positive])[::-1]
    return float(ranked[int(np.ceil(sensitivity * len(ranked))) - 1])
