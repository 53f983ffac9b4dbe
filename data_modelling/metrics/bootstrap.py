"""Compute 95 % intervals of metrics, most of them with a bootstrap over groups that is stratified by class.

A group has all photos of one lesion or patient, which are drawn together. In each class, a resample draws as many
groups as the class has, with replacement (Efron and Tibshirani 1993). The resample is stored as one weight per photo:
how often the photo's group was drawn. Metrics take weights (resamples, N) and return one row or value per resample.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_modelling.metrics import classification
from data_modelling.metrics.array_types import Floats, Labels, Mask, Weights
from data_modelling.metrics.calibration_error import expected_calibration_error
from data_modelling.metrics.curves import binary_auc, ratio, roc_points
from data_modelling.metrics.rounding import round_metric, to_json_value

RESAMPLES = 2000
SEED = 95
RESAMPLES_PER_BATCH = 250  # resamples that are in memory at the same time
PERCENTILES_95 = (2.5, 97.5)  # ends of the interval, in per cent
COMPARED_METRICS = ("balanced_accuracy", "macro_auc", "accuracy_most_probable")  # for paired_differences
Z_95 = 1.959964  # 95 % of a normal distribution are within this number of standard deviations of the mean


def resample_weights(
    groups: Labels, labels: Labels, count: int = RESAMPLES, seed: int = SEED
) -> Iterator[Weights]:
    """Yield the weights of `count` resamples, in batches of up to RESAMPLES_PER_BATCH: (batch, N).

    groups: (N,) indices from 0. labels: (N,) class indices. A group belongs to the class of its first photo.
    """
    _, first_rows = np.unique(groups, return_index=True)
    class_of_group = labels[first_rows].astype(np.int64)
    for counts in _draw_groups(class_of_group.tobytes(), count, seed):
        yield counts.astype(np.float32)[:, groups]


@lru_cache(maxsize=8)  # several metrics use the same photos, and drawing takes longer than a metric
def _draw_groups(class_of_group: bytes, count: int, seed: int) -> list[NDArray[np.unsignedinteger]]:
    """Return how often each group is drawn, as a list of arrays (batch, groups) of small integers.

    class_of_group: the class of each group, as the bytes of an array of int64, because the cache accepts no arrays.
    """
    classes = np.frombuffer(class_of_group, np.int64)
    rng = np.random.default_rng(seed)
    batches = []
    for start in range(0, count, RESAMPLES_PER_BATCH):
        counts = np.zeros((min(RESAMPLES_PER_BATCH, count - start), len(classes)), np.int64)
        for label in np.unique(classes):
            members = np.flatnonzero(classes == label)
            equal_shares = np.full(len(members), 1 / len(members))
            counts[:, members] = rng.multinomial(len(members), equal_shares, size=len(counts))
        batches.append(counts.astype(np.min_scalar_type(counts.max(initial=0))))
    return batches


@dataclass(frozen=True)
class BootstrapMetrics:
    """Holds the metrics of one model on some photos, or the differences between the metrics of two models.

    whole: the metrics of the photos themselves, without resampling. drawn: the metrics in each resample,
    (resamples, ...). Two models on the same photos have the same resamples, so their metrics can be compared in pairs.
    """

    whole: dict[str, Floats]
    drawn: dict[str, Floats]

    def intervals(self) -> dict[str, tuple[float, float] | list[tuple[float, float]]]:
        """Return the 95 % interval of each metric; a metric with one value per class has a list of intervals."""
        return {
            name: percentile_interval(values)
            if values.ndim == 1
            else [percentile_interval(column) for column in values.T]
            for name, values in self.drawn.items()
        }

    def with_intervals(self, names: Sequence[str]) -> dict[str, Any]:
        """Return the metrics `names`, rounded as in metrics.json, and under `intervals` their intervals by name."""
        intervals = {name: to_json_value(percentile_interval(self.drawn[name])) for name in names}
        return {name: round_metric(self.whole[name]) for name in names} | {"intervals": intervals}

    def as_json(self, names: Iterable[str]) -> dict[str, Any]:
        """Return the metrics `names`, rounded as in metrics.json, each followed by its interval, `<name>_interval`."""
        values: dict[str, Any] = {}
        for name in names:
            values[name] = round_metric(self.whole[name])
            values[f"{name}_interval"] = to_json_value(percentile_interval(self.drawn[name]))
        return values

    def less(self, other: "BootstrapMetrics", names: Iterable[str]) -> "BootstrapMetrics":
        """Return the metrics `names` minus those of `other`, in each resample and for the photos themselves."""
        names = list(names)
        return BootstrapMetrics(
            {name: self.whole[name] - other.whole[name] for name in names},
            {name: self.drawn[name] - other.drawn[name] for name in names},
        )


def bootstrap_metrics(
    labels: Labels, probability: Floats, decisions: Labels, groups: Labels, class_mask: Mask | None = None
) -> BootstrapMetrics:
    """Return the metrics of one model, on the photos themselves and in each resample.

    labels, decisions: (N,) class indices. probability: (N, classes). groups: (N,) indices from 0. class_mask:
    (classes,) the classes that balanced accuracy and macro AUC average over; by default the classes that are
    present. The groups of each class are resampled separately, so that no class is missing.
    """
    classes = probability.shape[1]
    mask = np.isin(np.arange(classes), labels) if class_mask is None else class_mask
    is_right = (probability.argmax(axis=1) == labels).astype(float)

    def metrics(weights: Weights) -> dict[str, Floats]:
        aucs = classification.class_aucs(labels, probability, weights)
        matrices = classification.confusion_counts(labels, decisions, classes, weights)
        sensitivity = classification.sensitivities(matrices)
        return {
            "balanced_accuracy": sensitivity[:, mask].mean(axis=1),
            "macro_auc": aucs[:, mask].mean(axis=1),
            "accuracy_most_probable": weighted_mean(is_right, weights),
            "expected_calibration_error": expected_calibration_error(labels, probability, weights=weights),
            "auc": aucs,
            "sensitivity": sensitivity,
        }

    return weighted_metrics(metrics, groups, labels)


def weighted_metrics(
    metrics: Callable[[Weights], dict[str, Floats]], groups: Labels, labels: Labels
) -> BootstrapMetrics:
    """Return the values of `metrics` for the photos themselves and for each resample.

    metrics: turns weights (resamples, N) into values (resamples, ...) by name. groups, labels: see resample_weights.
    """
    whole = metrics(np.ones((1, len(labels)), np.float32))
    batches = [metrics(weights) for weights in resample_weights(groups, labels)]
    drawn = {name: np.concatenate([batch[name] for batch in batches]) for name in whole}
    return BootstrapMetrics({name: values[0] for name, values in whole.items()}, drawn)


def paired_differences(
    first: BootstrapMetrics, second: BootstrapMetrics, names: Sequence[str] = COMPARED_METRICS
) -> dict[str, dict[str, Any]]:
    """Return {difference, interval} of each metric as in metrics.json: `second` minus `first` on the same resamples."""
    values = second.less(first, names).as_json(names)
    return {name: {"difference": values[name], "interval": values[f"{name}_interval"]} for name in names}


def value_with_interval(value: float, interval: tuple[float, float]) -> dict[str, Any]:
    """Return {value, low, high} of a metric, rounded as in metrics.json."""
    return dict(zip(("value", "low", "high"), map(round_metric, (value, *interval)), strict=True))


def share_metric(chosen: Mask, subset: Mask, groups: Labels) -> dict[str, Any]:
    """Return {value, low, high} of the share of `subset` that is `chosen`; see `share_interval`."""
    return value_with_interval(float(chosen[subset].mean()), share_interval(chosen, subset, groups))


def auc_metric(score: Floats, positive: Mask, groups: Labels) -> dict[str, Any]:
    """Return {value, low, high} of the AUC of a score that should be higher for positive photos; see `auc_interval`."""
    return value_with_interval(float(binary_auc(score, positive)), auc_interval(score, positive, groups))


def renumbered(groups: Labels) -> Labels:
    """Return the group indices of a subset of the photos, renumbered from 0 without gaps."""
    return np.unique(groups, return_inverse=True)[1].astype(np.int64)


def group_indices(groups: pd.Series) -> Labels:
    """Return the group names as indices from 0, (N,)."""
    return pd.factorize(groups)[0].astype(np.int64)


def percentile_interval(values: Floats) -> tuple[float, float]:
    """Return the 95 % percentile interval of a metric's values in the resamples, or two NaN if no value exists."""
    known = values[~np.isnan(values)]
    low, high = np.percentile(known, PERCENTILES_95) if len(known) else (np.nan, np.nan)
    return float(low), float(high)


def wilson_interval(successes: Any, count: Any) -> tuple[Any, Any]:
    """Return the two ends of the 95 % interval of successes / count (Wilson 1927, J Am Stat Assoc 22:209)."""
    share, extra = successes / count, Z_95**2 / count
    centre = (share + extra / 2) / (1 + extra)
    half = Z_95 / (1 + extra) * np.sqrt(share * (1 - share) / count + extra / count / 4)
    return centre - half, centre + half


def refused_share(refused: int, photos: int) -> dict[str, Any]:
    """Return the number of photos and of refused photos, the refused share, and its 95 % Wilson interval."""
    return {
        "photos": int(photos),
        "refused": int(refused),
        "share": round_metric(refused / photos),
        "interval": [round_metric(bound) for bound in wilson_interval(refused, photos)],
    }


def resampled(metric: Callable[[Weights], Floats], groups: Labels, labels: Labels) -> Floats:
    """Return a metric in each resample, (resamples, ...). metric: a function of weights (batch, N)."""
    return np.concatenate([metric(weights) for weights in resample_weights(groups, labels)])


def auc_interval(score: Floats, positive: Mask, groups: Labels) -> tuple[float, float]:
    """Return the 95 % interval of the AUC of a score that should be higher for positive photos.

    score, positive: (N,). Positive and negative groups are drawn separately; a group with a positive photo is positive.
    """
    return percentile_interval(resampled_aucs(score, positive, groups))


def resampled_aucs(score: Floats, positive: Mask, groups: Labels) -> Floats:
    """Return the AUC in each resample, (resamples,), for the arguments of `auc_interval`."""
    return resampled(lambda weights: binary_auc(score, positive, weights), groups, has_any(positive, groups))


def share_interval(chosen: Mask, subset: Mask, groups: Labels) -> tuple[float, float]:
    """Return the 95 % interval of the share of `subset` (N,) that is `chosen` (N,), such as a sensitivity."""
    strata = has_any(subset, groups)
    shares = resampled(
        lambda weights: weighted_mean(chosen[subset].astype(float), weights[:, subset]), groups, strata
    )
    return percentile_interval(shares)


def roc_band(score: Floats, positive: Mask, groups: Labels, rates: Floats) -> tuple[Floats, Floats]:
    """Return the bounds of the 95 % band of the sensitivity at each false positive rate; two arrays (rates,).

    The band is pointwise: at a single rate, 95 % of the resampled curves are inside. Over all rates, more than 5 % of
    the curves leave the band somewhere.
    """

    def sensitivities_at_rates(weights: Weights) -> Floats:
        curves = zip(*roc_points(score, positive, weights), strict=True)
        return np.array([np.interp(rates, *points) for points in curves])

    drawn = resampled(sensitivities_at_rates, groups, has_any(positive, groups))
    low, high = np.percentile(drawn, PERCENTILES_95, axis=0)
    return low, high


def has_any(positive: Mask, groups: Labels) -> Labels:
    """Return for each photo whether any photo of its group is positive, as 0 or 1, (N,)."""
    return (np.bincount(groups, positive) > 0)[groups].astype(np.int64)


def weighted_mean(values: Floats, weights: Weights) -> Floats:
    """Return the weighted mean of values (N,) in each resample, (resamples,)."""
    return ratio(weights.astype(np.float64) @ values, weights.sum(axis=1, dtype=np.float64))
