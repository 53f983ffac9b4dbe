"""A lesion's score against those of the same patient's other lesions: what that changes, out-of-fold.

A patient's moles look alike, and a melanoma unlike them: what a network finds suspicious in all of them says less than
what it finds in one. The score in context is the log odds of melanoma less a share of their mean over the patient's
other lesions at hand. The share is chosen for the best AUC on the other folds' patients.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_modelling.evaluation.questions import auc
from data_modelling.evaluation.rare_class import Judged, difference, judge

Labels = NDArray[np.int64]
Floats = NDArray[np.float64]
Truth = NDArray[np.bool_]

SHARES = tuple(round(0.1 * step, 1) for step in range(11))  # of the mean that are tried


def of_others(log_odds: Floats, patients: Labels) -> Floats:
    """The mean (N,) over the patient's other lesions; for a lesion without others the mean over all patients' lesions.

    log_odds: (N,). patients: (N,) indices from 0.
    """
    count = np.bincount(patients)[patients]
    others = np.bincount(patients, log_odds)[patients] - log_odds
    return np.where(count > 1, others / np.maximum(count - 1, 1), log_odds.mean())


def in_context(log_odds: Floats, patients: Labels, share: float) -> Floats:
    """The score (N,) in context."""
    return log_odds - share * of_others(log_odds, patients)


def best_share(log_odds: Floats, positive: Truth, patients: Labels) -> float:
    """The share with the best AUC, the smallest of equals."""
    return max(SHARES, key=lambda share: (auc(in_context(log_odds, patients, share), positive), -share))


def context_figures(
    log_odds: Floats, positive: Truth, patients: Labels, parts: NDArray[np.str_]
) -> dict[str, Any]:
    """Figures without and with the patient's other lesions, their difference, and the share of each fold.

    parts: (N,), the fold of each photo; a patient's photos are of one fold.
    """
    score = np.empty(len(log_odds))
    shares: dict[str, float] = {}
    for part in np.unique(parts):
        inside = parts == part
        rest = inside if inside.all() else ~inside
        shares[str(part)] = best_share(log_odds[rest], positive[rest], _numbered(patients[rest]))
        score[inside] = in_context(log_odds[inside], _numbered(patients[inside]), shares[str(part)])
    alone: Judged = judge(log_odds, positive, patients)
    together = judge(score, positive, patients)
    return {
        "without": alone.as_json(),
        "with": together.as_json(),
        "difference": difference(alone, together),
        "shares": shares,
        "patients": int(patients.max()) + 1,
    }


def _numbered(groups: Labels) -> Labels:
    """Group indices of a part, from 0 again."""
    return np.unique(groups, return_inverse=True)[1].astype(np.int64)
