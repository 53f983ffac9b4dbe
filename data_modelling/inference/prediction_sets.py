"""Computes prediction sets: the classes that a photo's probabilities do not rule out, at a stated coverage.

A class is in the set if its probability is at or above the class's own threshold. In each class, the set contains the
true class for the stated share of the photos (class-conditional, or Mondrian, conformal prediction: Vovk, Gammerman and
Shafer 2005, chapter 4). safety.prediction_sets finds the thresholds. Nothing is random: page, API and csv give the same set.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_modelling.inference.decision import cancer_columns
from data_modelling.inference.diagnoses import class_codes
from data_modelling.inference.errors import BundleError
from data_modelling.inference.modes import MODES, PHOTO_AND_DETAILS, PHOTO_ONLY

Floats = NDArray[np.float64]

WIDE_SET = "wide_set"  # the reason code of a wide set
SETS_KEY, OPERATING_POINT_KEY = "prediction_sets", "operating_point"  # in metadata.json
COVERAGE_LEVELS = {"90": 0.90, "95": 0.95}  # by level, the share of photos whose set has the true class
WIDE_RULE_LEVEL = "90"  # the set of this level decides whether the sets are wide


def set_members(probability: Floats, thresholds: Floats) -> NDArray[np.bool_]:
    """Return a mask (N, classes) of the classes in each set. probability: (N, classes). thresholds: (classes,)."""
    return np.asarray(probability >= thresholds)


@dataclass(frozen=True)
class WideSetRule:
    """The rule for wide sets. A set is wide if it is empty, has too many classes, or mixes too many cancer classes with others.

    classes, cancer_classes: the smallest number that is too many; None if no number is too many.
    """

    classes: int | None
    cancer_classes: int | None

    def holds(self, inside: NDArray[np.bool_], cancer: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return which sets are wide, (N,). inside: (N, classes), each set's classes. cancer: (classes,), the cancer classes."""
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
    """The sets of one photo. by_level: class codes, the most probable first. is_wide: see WideSetRule."""

    by_level: dict[str, tuple[str, ...]]
    is_wide: bool

    def as_json(self) -> dict[str, Any]:
        """Return the classes and their number by level, as in the API."""
        return {level: {"classes": list(codes), "size": len(codes)} for level, codes in self.by_level.items()}


@dataclass(frozen=True)
class PredictionSets:
    """The thresholds of a bundle's prediction sets.

    codes: the classes in the order of the probabilities. cancer: (classes,), a mask of the cancer classes.
    thresholds: (classes,), by mode (see MODES) and level. rule: it decides whether the set of WIDE_RULE_LEVEL is wide.
    """

    codes: tuple[str, ...]
    cancer: NDArray[np.bool_]
    thresholds: dict[str, dict[str, Floats]]
    rule: WideSetRule

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, Any], task: str) -> PredictionSets:
        """Return the prediction sets of a bundle's metadata; raise BundleError if a threshold is missing or wrong."""
        names = class_codes(task)
        try:
            thresholds = {
                kind: {
                    level: _thresholds(metadata[SETS_KEY][kind][level], names) for level in COVERAGE_LEVELS
                }
                for kind in MODES
            }
            wide = metadata[OPERATING_POINT_KEY]["wide"]
            rule = WideSetRule(
                _parse_class_count(wide["classes"]), _parse_class_count(wide["cancer_classes"])
            )
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
        return PhotoPredictionSets(
            by_level, bool(self.rule.holds(inside[WIDE_RULE_LEVEL][None], self.cancer)[0])
        )


def _thresholds(by_code: Mapping[str, Any], names: tuple[str, ...]) -> Floats:
    thresholds = np.array([by_code[name] for name in names], np.float64)
    if not ((thresholds >= 0) & (thresholds <= 1)).all():
        raise ValueError("a threshold is a probability")
    return thresholds


def _parse_class_count(value: Any) -> int | None:
    if value is not None and (type(value) is not int or value < 1):
        raise ValueError("a number of classes or null")
    return value
