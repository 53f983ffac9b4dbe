"""Compare two models on the same photos, paired in the same bootstrap resamples."""

from collections.abc import Sequence
from dataclasses import dataclass

from data_modelling.metrics import bootstrap

COMPARED_METRICS = ("balanced_accuracy", "macro_auc", "accuracy_most_probable")


@dataclass(frozen=True)
class PairedDifference:
    """A metric of the second model minus the same metric of the first, and its 95 % interval."""

    value: float
    interval: tuple[float, float]


def paired_differences(
    first: bootstrap.BootstrapMetrics,
    second: bootstrap.BootstrapMetrics,
    names: Sequence[str] = COMPARED_METRICS,
) -> dict[str, PairedDifference]:
    """Return the paired differences second - first of the metrics `names`; both are of the same photos."""
    return {
        name: PairedDifference(
            float(second.whole[name] - first.whole[name]),
            bootstrap.percentile_interval(second.drawn[name] - first.drawn[name]),
        )
        for name in names
    }
