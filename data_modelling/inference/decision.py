"""Turns logits (the network's outputs) into probabilities, the decided class, prediction sets and the status.

The status is what an answer says first, such as "uncertain". The page, the API and `predict` all use this code, so
that they decide alike. Nothing is random. Some reasons for doubt (VETOES) forbid the status NO_CANCER_CLASS.

A class is in the prediction set (the classes that remain possible) if its probability is at or above its own threshold.
safety.prediction_sets fits the thresholds so that most photos of a class (such as 90 %) have this class in their set.
The method is class-conditional conformal prediction, also called Mondrian (Vovk, Gammerman and Shafer 2005, chapter 4).
"""

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
from data_modelling.inference.diagnoses import TASKS, class_codes
from data_modelling.inference.errors import BundleError
from data_modelling.inference.modes import MODES, PHOTO_AND_DETAILS, PHOTO_ONLY

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

CALIBRATION_BINS = 15  # bins of equal width in the calibration error and the reliability diagram
WIDE_SET = "wide_set"  # the reason code of a wide set
SETS_KEY, OPERATING_POINT_KEY = "prediction_sets", "operating_point"  # in metadata.json
COVERAGE_LEVELS = {"90": 0.90, "95": 0.95}  # share of photos whose set shall contain the true class, by level
WIDE_RULE_LEVEL = "90"  # WideSetRule is applied to the set of this level

HIGHER_CONCERN, NO_CANCER_CLASS, UNCERTAIN = "higher_concern", "no_cancer_class", "uncertain"
REFUSED = "refused"  # The photo cannot be used: page and API answer 422 without probabilities.
STATUSES = (HIGHER_CONCERN, NO_CANCER_CLASS, UNCERTAIN, REFUSED)
# Reasons for concern. PHOTO_ALONE: a detail is rare, and the photo reaches a threshold only without its details.
CANCER_THRESHOLD, MELANOMA_THRESHOLD = "cancer_threshold", "melanoma_threshold"
PHOTO_ALONE = "photo_alone"
# Reasons that come from what the sender says. The modules in `checks` define further reasons.
CHANGING, DERMATOSCOPE, ACRAL_OR_MUCOSAL = "changing", "dermatoscope", "acral_or_mucosal"
ACRAL_OR_MUCOSAL_SITES = ("palms/soles", "oral/genital")
# NOT_CLEAR: the cancer probability is not below the clear threshold (see StatusThresholds). FRAME_SENSITIVE: the whole
# crop's probability is below this threshold, but a corner frame (a smaller square at a corner of the crop) reaches it.
NOT_CLEAR, FRAME_SENSITIVE = "not_clear", "frame_sensitive"
# Reasons that change no status: a detail in a file's header cannot be read.
UNREAD_DETAILS = {"age": "age_unread", "sex": "sex_unread", "site": "site_unread"}
QUALITY_REASONS = tuple(code for code in HINTS if not code.startswith("photo_"))
# Each of these alone forbids the status NO_CANCER_CLASS.
VETOES = frozenset(
    (CHANGING, DERMATOSCOPE, PHONE_PHOTO, WIDE_SET, NONE_OF_CLASSES, AGE_RARE, SITE_RARE, ACRAL_OR_MUCOSAL)
    + QUALITY_REASONS
)


def calibrated_probabilities(logits: NDArray[np.floating], temperature: float) -> Floats:
    """Return calibrated probabilities (N, classes): softmax(logits/temperature), Guo et al. 2017, arXiv:1706.04599."""
    scaled = np.asarray(logits, np.float64) / temperature
    exponentials = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))


def predicted_classes(probability: Floats, decision_prior: Floats) -> NDArray[np.int64]:
    """Return indices (N,): argmax of probability (N, classes) / decision_prior (classes,), to help rare classes."""
    return np.asarray(np.argmax(probability / decision_prior, axis=1), np.int64)


def cancer_columns(task: str) -> Mask:
    """Return a mask (classes,): which classes of a task are flagged as cancer."""
    return np.array([diagnosis.flag == "cancer" for diagnosis in TASKS[task]])


def melanoma_column(task: str) -> int:
    """Return the index of melanoma among the classes of a task."""
    return next(i for i, diagnosis in enumerate(TASKS[task]) if diagnosis.name == "Melanoma")


def set_members(probability: Floats, thresholds: Floats) -> Mask:
    """Return a mask (N, classes) of the classes in each set. probability: (N, classes). thresholds: (classes,)."""
    return np.asarray(probability >= thresholds)


@dataclass(frozen=True)
class WideSetRule:
    """The rule for wide sets: a set is wide if it is empty or has too many classes.

    A set that mixes cancer classes with other classes is also wide if it has too many cancer classes. classes,
    cancer_classes: the smallest number that is too many; None if no number is too many.
    """

    classes: int | None
    cancer_classes: int | None

    def holds(self, inside: Mask, cancer: Mask) -> Mask:
        """Return a mask (N,) of the wide sets. inside: the sets, as a mask (N, classes). cancer: a mask (classes,)."""
        size, cancers = inside.sum(axis=1), inside[:, cancer].sum(axis=1)
        wide = size == 0
        if self.classes is not None:
            wide = wide | (size >= self.classes)
        if self.cancer_classes is not None:
            wide = wide | ((cancers >= self.cancer_classes) & (size > cancers))
        return np.asarray(wide)


NEVER_WIDE = WideSetRule(None, None)  # only an empty set is wide


@dataclass(frozen=True)
class PhotoPredictionSets:
    """The sets of one photo. by_level: each set's class codes, the most probable first. is_wide: see WideSetRule."""

    by_level: dict[str, tuple[str, ...]]
    is_wide: bool

    def as_json(self) -> dict[str, Any]:
        """Return the classes and their number for the set of each level, as in the API."""
        return {level: {"classes": list(codes), "size": len(codes)} for level, codes in self.by_level.items()}


@dataclass(frozen=True)
class PredictionSets:
    """The thresholds of a bundle's prediction sets.

    codes: the classes in the order of the probabilities. cancer: (classes,), a mask of the cancer classes.
    thresholds[mode][level]: (classes,); see MODES and COVERAGE_LEVELS. rule: says whether a set is wide.
    """

    codes: tuple[str, ...]
    cancer: Mask
    thresholds: dict[str, dict[str, Floats]]
    rule: WideSetRule

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, Any], task: str) -> PredictionSets:
        """Return the prediction sets of a bundle's metadata; raise BundleError if a number is missing or wrong."""
        names = class_codes(task)
        try:
            thresholds = {
                kind: {
                    level: _thresholds(metadata[SETS_KEY][kind][level], names) for level in COVERAGE_LEVELS
                }
                for kind in MODES
            }
            wide = metadata[OPERATING_POINT_KEY]["wide"]
            rule = WideSetRule(*(_parse_class_count(wide[key]) for key in ("classes", "cancer_classes")))
        except (KeyError, TypeError, ValueError) as error:
            raise BundleError(
                f"metadata.json: {SETS_KEY} must have a threshold from 0 to 1 for each mode, level and class, and "
                f"{OPERATING_POINT_KEY}.wide must have the numbers of classes; restore the bundle."
            ) from error
        return cls(names, cancer_columns(task), thresholds, rule)

    def of(self, probability: Floats, with_details: bool) -> PhotoPredictionSets:
        """Return the sets of one photo. probability: (classes,). with_details: whether the model was given details."""
        thresholds = self.thresholds[PHOTO_AND_DETAILS if with_details else PHOTO_ONLY]
        order = np.argsort(-probability, kind="stable")
        inside = {level: set_members(probability, thresholds[level]) for level in COVERAGE_LEVELS}
        by_level = {
            level: tuple(self.codes[index] for index in order if inside[level][index])
            for level in COVERAGE_LEVELS
        }
        is_wide = bool(self.rule.holds(inside[WIDE_RULE_LEVEL][None], self.cancer)[0])
        return PhotoPredictionSets(by_level, is_wide)


def _thresholds(by_code: Mapping[str, Any], names: tuple[str, ...]) -> Floats:
    thresholds = np.array([by_code[name] for name in names], np.float64)
    if not ((thresholds >= 0) & (thresholds <= 1)).all():
        raise ValueError("a threshold is a probability")
    return thresholds


def _parse_class_count(value: Any) -> int | None:
    if value is not None and (type(value) is not int or value < 1):
        raise ValueError("a number of classes or null")
    return value


@dataclass(frozen=True)
class StatusThresholds:
    """The thresholds of a bundle for the status."""

    cancer: float  # a cancer probability at or above this raises concern
    melanoma: float  # a melanoma probability at or above this raises concern
    clear: float | None  # NO_CANCER_CLASS needs a cancer probability below this; None if the bundle has none

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

    Each array has the shape (N,). refused: the photo cannot be used. concern: there is a reason for concern. vetoed:
    one of VETOES holds. highest: the highest cancer probability of the whole crop and its corner frames, with and
    without details; NaN if not computed. clear: NO_CANCER_CLASS needs `highest` below this; None forbids this status.
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
    """Return how many photos there are (`n`), and how many of them have each status."""
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

    rare: the codes of rare details. dermatoscope: see Predictor.answer. is_wide: whether the prediction set is wide.
    fits_none: whether the decided class is the class "none of the known classes".
    """
    # It is enough if the pixels or the sender tell of a phone photo. A needless doubt harms less than a missed cancer.
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
