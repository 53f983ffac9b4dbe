"""Ways to put the answers of several models together, fitted and judged on their out-of-fold predictions.

- mean: of the calibrated probabilities.
- weights: their weighted mean, the weights fitted for the least negative log-likelihood.
- rank: the mean of the ranks that the models give a photo among the out-of-fold photos, for two classes; what the
  scales of the models are does not matter then.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from data_modelling.evaluation.metrics import negative_log_likelihood
from data_modelling.inference.decision import probabilities

Labels = NDArray[np.int64]
Floats = NDArray[np.float64]

MEAN, WEIGHTS, RANK = WAYS = ("mean", "weights", "rank")
LEAST = 1e-12  # of a probability whose logarithm is taken; as networks.combined has it
SHARES = 500  # steps of a rank
WEAK = 1e4  # how little scale and bias of the ranks are pulled towards zero


@dataclass(frozen=True)
class MeanWay:
    """temperatures, weights: of each model; the weights sum to 1."""

    temperatures: tuple[float, ...]
    weights: tuple[float, ...]

    def logits(self, members: Sequence[Floats]) -> Floats:
        """Logits (N, classes) from those of the models."""
        parts = zip(members, self.temperatures, self.weights, strict=True)
        mean = sum(weight * probabilities(one, temperature) for one, temperature, weight in parts)
        return np.log(np.maximum(mean, LEAST))


@dataclass(frozen=True)
class RankWay:
    """steps: (models, SHARES), quantiles of the models' log odds. scale, bias: from rank to log odds."""

    steps: Floats
    scale: float
    bias: float

    def rank(self, members: Sequence[Floats]) -> Floats:
        """The mean rank (N,) of photos, above 0 and below 1."""
        shares = [
            (np.searchsorted(steps, _log_odds(one), side="right") + 0.5) / (len(steps) + 1)
            for one, steps in zip(members, self.steps, strict=True)
        ]
        return np.mean(shares, axis=0)

    def logits(self, members: Sequence[Floats]) -> Floats:
        """Logits (N, 2) from those of the models."""
        first = self.scale * _odds_of(self.rank(members)) + self.bias
        return np.stack([first, np.zeros(len(first))], axis=1)


def fit_mean(temperatures: Sequence[float]) -> MeanWay:
    """Every model weighs the same."""
    return MeanWay(tuple(temperatures), (1 / len(temperatures),) * len(temperatures))


def fit_weights(members: Sequence[Floats], labels: Labels, temperatures: Sequence[float]) -> MeanWay:
    """The weights with the least negative log-likelihood; they are the softmax of what is searched over."""
    given = np.stack(
        [probabilities(one, temperature) for one, temperature in zip(members, temperatures, strict=True)]
    )

    def loss(free: Floats) -> float:
        return negative_log_likelihood(labels, np.tensordot(_softmax(free), given, axes=1))

    found = minimize(
        loss, np.zeros(len(members)), method="Nelder-Mead", options={"xatol": 1e-3, "fatol": 1e-7}
    )
    return MeanWay(tuple(temperatures), tuple(map(float, _softmax(found.x))))


def fit_rank(members: Sequence[Floats], labels: Labels) -> RankWay:
    """Ranks among these photos, and the logistic regression (Platt 1999) that makes them probabilities of class 0."""
    at = (np.arange(SHARES) + 0.5) / SHARES
    way = RankWay(np.stack([np.quantile(_log_odds(one), at) for one in members]), 1.0, 0.0)
    model = LogisticRegression(C=WEAK)
    model.fit(_odds_of(way.rank(members))[:, None], labels == 0)
    return RankWay(way.steps, float(model.coef_[0, 0]), float(model.intercept_[0]))


def fit(
    way: str, members: Sequence[Floats], labels: Labels, temperatures: Sequence[float]
) -> MeanWay | RankWay:
    """One of WAYS. members: logits (N, classes) of each model. labels: (N,). temperatures: of each model."""
    if way == RANK:
        return fit_rank(members, labels)
    return fit_mean(temperatures) if way == MEAN else fit_weights(members, labels, temperatures)


def crossed(
    way: str,
    members: Sequence[Floats],
    labels: Labels,
    temperatures: Sequence[float],
    parts: NDArray[np.str_],
) -> Floats:
    """Logits (N, classes) of each part's photos by what was fitted on the other parts."""
    found = np.empty_like(members[0])
    for part in np.unique(parts):
        inside = parts == part
        rest = inside if inside.all() else ~inside
        fitted = fit(way, [one[rest] for one in members], labels[rest], temperatures)
        found[inside] = fitted.logits([one[inside] for one in members])
    return found


def _log_odds(logits: Floats) -> Floats:
    return logits[:, 0] - logits[:, 1]


def _odds_of(rank: Floats) -> Floats:
    return np.log(rank) - np.log(1 - rank)


def _softmax(free: Floats) -> Floats:
    grown = np.exp(free - free.max())
    return np.asarray(grown / grown.sum())
