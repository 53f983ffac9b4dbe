"""Decides the status of an answer, by one rule for page, API and csv: a doubt forbids a reassuring status."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_modelling.inference.checks.image_quality import HINTS
from data_modelling.inference.checks.photo_checks import PHONE_PHOTO, UNLIKE_TRAINING, Findings
from data_modelling.inference.checks.rare_details import AGE_RARE, SITE_RARE
from data_modelling.inference.checks.rejection_score import NONE_OF_CLASSES
from data_modelling.inference.details import Details
from data_modelling.inference.prediction_sets import WIDE_SET

HIGHER_CONCERN, NO_CANCER_CLASS, UNCERTAIN = "higher_concern", "no_cancer_class", "uncertain"
REFUSED = "refused"  # The photo cannot be used: page and API answer 422 without probabilities.
STATUSES = (HIGHER_CONCERN, NO_CANCER_CLASS, UNCERTAIN, REFUSED)
# Reasons for concern.
CANCER_THRESHOLD, MELANOMA_THRESHOLD = "cancer_threshold", "melanoma_threshold"
PHOTO_ALONE = "photo_alone"
# Reasons that come from the form. The checks and prediction_sets define the others.
CHANGING, DERMATOSCOPE, ACRAL_OR_MUCOSAL = "changing", "dermatoscope", "acral_or_mucosal"
ACRAL_OR_MUCOSAL_SITES = ("palms/soles", "oral/genital")
# Reasons from the cancer probability: it is not low enough, or it is low enough except in one of the four corner frames.
NOT_CLEAR, FRAME_SENSITIVE = "not_clear", "frame_sensitive"
# Reasons that change no status: a detail in a file's header cannot be read.
UNREAD_DETAILS = {"age": "age_unread", "sex": "sex_unread", "site": "site_unread"}
QUALITY_REASONS = tuple(code for code in HINTS if not code.startswith("photo_"))
# Each of these alone forbids the status NO_CANCER_CLASS.
VETOES = frozenset(
    (CHANGING, DERMATOSCOPE, PHONE_PHOTO, WIDE_SET, NONE_OF_CLASSES, AGE_RARE, SITE_RARE, ACRAL_OR_MUCOSAL)
    + QUALITY_REASONS
)

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class StatusThresholds:
    """The thresholds of a bundle. clear: the score must be below it for NO_CANCER_CLASS; None if there is no such threshold."""

    cancer: float
    melanoma: float
    clear: float | None

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, Any]) -> StatusThresholds:
        """Return the thresholds of a bundle's metadata, which load_bundle has checked."""
        values = metadata["thresholds"]
        return cls(float(values["cancer"]), float(values["melanoma"]), values.get("clear"))

    def reached(self, cancer: float, melanoma: float) -> tuple[str, ...]:
        """Return the codes of the thresholds that the two probabilities reach."""
        holds = {CANCER_THRESHOLD: cancer >= self.cancer, MELANOMA_THRESHOLD: melanoma >= self.melanoma}
        return tuple(code for code, is_reached in holds.items() if is_reached)


def decide_statuses(
    refused: Mask, concern: Mask, vetoed: Mask, highest: Floats, clear: float | None
) -> NDArray[np.str_]:
    """Return the status (N,) of each photo.

    refused: whether the photo cannot be used. concern: whether it reaches a threshold. vetoed: whether one of VETOES holds.
    highest: the highest cancer probability over the computed frames, with and without the details; NaN if not computed.
    clear: the threshold below which `highest` allows NO_CANCER_CLASS; None forbids this status. All arrays: (N,).
    """
    earned = np.zeros(np.shape(highest), bool) if clear is None else np.asarray(highest) < clear
    return np.select(
        [refused, concern, earned & ~np.asarray(vetoed)],
        [REFUSED, HIGHER_CONCERN, NO_CANCER_CLASS],
        UNCERTAIN,
    )


def decide_status(
    highest: float, clear: float | None, *, refused: bool = False, concern: bool = False, vetoed: bool = False
) -> str:
    """Return the status of one photo; see decide_statuses."""
    first, second, third = (np.array([value]) for value in (refused, concern, vetoed))
    return str(decide_statuses(first, second, third, np.array([highest]), clear)[0])


def count_statuses(statuses: NDArray[np.str_]) -> dict[str, int]:
    """Return the number of photos (`n`) and how many have each status."""
    return {"n": len(statuses), **{status: int((statuses == status).sum()) for status in STATUSES}}


def find_doubts(
    findings: Findings,
    details: Details,
    rare: tuple[str, ...],
    dermatoscope: bool | None,
    is_wide: bool,
    fits_none: bool,
) -> tuple[str, ...]:
    """Return the reason codes that limit the answer for a photo; codes in VETOES forbid NO_CANCER_CLASS.

    rare: the codes of rare details. is_wide: whether the prediction set is too wide. fits_none: whether the decided
    class is the class "none of the known classes".
    """
    # The form field or the pixels make it a phone photo: a wrong "no result" does less harm than a wrong all-clear.
    is_phone = findings.is_phone or dermatoscope is False
    doubts = {
        CHANGING: details.changing is True,
        DERMATOSCOPE: dermatoscope is None,
        PHONE_PHOTO: is_phone,
        UNLIKE_TRAINING: findings.is_unlike,
        WIDE_SET: is_wide,
        NONE_OF_CLASSES: fits_none,
        **dict.fromkeys(rare, True),
        ACRAL_OR_MUCOSAL: details.site in ACRAL_OR_MUCOSAL_SITES,
        **{UNREAD_DETAILS[name]: True for name in details.unread},
        **dict.fromkeys(findings.warnings, True),
    }
    return tuple(code for code, holds in doubts.items() if holds)
