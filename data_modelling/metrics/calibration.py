"""Use out-of-fold (unseen) photos to choose the temperature, decision prior and thresholds for a network's answers."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from data_modelling.inference.decision import (
    calibrated_probabilities,
    cancer_columns,
    melanoma_column,
    predicted_classes,
)
from data_modelling.inference.modes import MODES
from data_modelling.metrics.array_types import Floats, Labels, Mask
from data_modelling.metrics.classification import negative_log_likelihood
from data_modelling.metrics.predictions import learned_logits, mode_logits, true_classes

TEMPERATURES = (0.2, 5.0)  # lower and upper bound of the temperature in the search
PRIOR_EXPONENTS = np.arange(0, 1.51, 0.05)  # powers of the class shares, see best_decision_prior


@dataclass(frozen=True)
class CalibrationChoices:
    """Holds what a bundle needs to turn logits into an answer.

    temperature: divides the logits. decision_prior: (classes,), sums to 1; divides the probabilities for the decision.
    A photo is of higher concern if the sum of its cancer probabilities reaches cancer_threshold, or if its melanoma
    probability reaches melanoma_threshold. clear_threshold: the status "no cancer class stands out" needs a lower score
    (see safety.clear_threshold); None if there are no answers for left-out clinics.
    """

    temperature: float
    decision_prior: Floats
    cancer_threshold: float
    melanoma_threshold: float
    clear_threshold: float | None = None


def choose_calibration(
    predictions: pd.DataFrame, task: str, shares: Floats, sensitivity: float, weights: Floats | None = None
) -> CalibrationChoices:
    """Return the choices that fit the out-of-fold predictions.

    The temperature fits the predictions without and with details together, because the app gives both. Decision prior
    and thresholds fit those without details. shares: class shares of the reference population, (classes,). sensitivity:
    share of cancers, and of melanomas, that the thresholds must find. weights: (N,), see reference_weights, or None.
    """
    labels = true_classes(predictions, task)
    temperature = fit_temperature(predictions, task, weights)
    probability = calibrated_probabilities(mode_logits(predictions, "photo", task), temperature)
    cancer, melanoma = cancer_columns(task), melanoma_column(task)
    return CalibrationChoices(
        temperature,
        best_decision_prior(probability, labels, shares, weights),
        sensitivity_threshold(probability[:, cancer].sum(axis=1), cancer[labels], sensitivity, weights),
        sensitivity_threshold(probability[:, melanoma], labels == melanoma, sensitivity, weights),
    )


def fit_temperature(predictions: pd.DataFrame, task: str, weights: Floats | None = None) -> float:
    """Return the temperature that fits logits without and with details together. weights: see choose_calibration."""
    scores = np.concatenate([learned_logits(predictions, mode, task) for mode in MODES])
    labels = np.tile(true_classes(predictions, task), len(MODES))
    return best_temperature(scores, labels, None if weights is None else np.tile(weights, len(MODES)))


def best_temperature(scores: Floats, labels: Labels, weights: Floats | None = None) -> float:
    """Return the temperature with the least negative log-likelihood (Guo et al. 2017, arXiv:1706.04599)."""

    def loss(log_temperature: float) -> float:
        return negative_log_likelihood(
            labels, calibrated_probabilities(scores, float(np.exp(log_temperature))), weights
        )

    low, high = np.log(TEMPERATURES)
    return float(np.exp(minimize_scalar(loss, bounds=(low, high), method="bounded").x))


def best_decision_prior(
    probability: Floats, labels: Labels, shares: Floats, weights: Floats | None = None
) -> Floats:
    """Return the decision prior (classes,) with the best balanced accuracy: a power of the class shares, with sum 1.

    With exponent 0, the decision is the most probable class. With exponent 1, the decision is the class with the
    largest probability / share. Only the exponent is chosen, so overfitting is small.
    """
    weights = np.ones(len(labels)) if weights is None else weights
    # A class with a share of 0 gets the smallest share above 0, because the decision divides by the share.
    floor = np.maximum(shares, shares[shares > 0].min())
    total = np.bincount(labels, weights, len(shares))
    best_accuracy, best_prior = -1.0, floor
    for exponent in PRIOR_EXPONENTS:
        prior = floor**exponent / (floor**exponent).sum()
        right = np.bincount(labels, weights * (labels == predicted_classes(probability, prior)), len(shares))
        accuracy = (right[total > 0] / total[total > 0]).mean()
        if accuracy > best_accuracy:
            best_accuracy, best_prior = accuracy, prior
    return best_prior


def sensitivity_threshold(
    score: Floats, positive: Mask, sensitivity: float, weights: Floats | None = None
) -> float:
    """Return the highest threshold at which the sensitivity is at least `sensitivity`.

    Without positives, the threshold is 1. weights: the weight of each photo, (N,); None means equal weights.
    """
    if not positive.any():
        return 1.0
    order = np.argsort(-score[positive], kind="stable")
    reached = np.cumsum(np.ones(len(order)) if weights is None else weights[positive][order])
    return float(score[positive][order][np.searchsorted(reached, sensitivity * reached[-1])])


def reference_weights(labels: Labels, sources: NDArray[np.str_], shares: Floats) -> Floats:
    """Return the weight of each photo, (N,), with a mean of 1.

    All sources have equal total weight. Within a source, the total weights of its classes are in proportion to
    `shares`. labels: (N,) class indices. sources: (N,). shares: class shares of the reference population, (classes,).
    """
    weights = np.zeros(len(labels))
    for source in np.unique(sources):
        of_source = sources == source
        counts = np.bincount(labels[of_source], minlength=len(shares))
        wanted = np.where(counts > 0, shares, 0.0)
        per_photo = np.divide(wanted / wanted.sum(), counts, out=np.zeros(len(shares)), where=counts > 0)
        weights[of_source] = per_photo[labels[of_source]]
    return np.asarray(weights / weights.mean())
