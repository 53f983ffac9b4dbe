"""Prediction sets: the classes that a photo's probabilities do not rule out, at a stated coverage.

A class is in the set when its probability is at or above the class's own threshold, so that of the photos of
each class the stated share has its true class in the set (class-conditional, or Mondrian, conformal prediction:
Vovk, Gammerman and Shafer 2005, chapter 4). rejection.conformal finds the thresholds. Nothing is drawn by chance:
page, API and csv give the same set.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_modelling.inference.decision import cancer_columns
from data_modelling.inference.diagnoses import codes
from data_modelling.inference.errors import BundleError

Floats = NDArray[np.float64]

WIDE_SET = "wide_set"  # a reason for doubt
KEY, RULE_KEY = "prediction_sets", "operating_point"  # in metadata.json
PHOTO, BOTH = "photo", "both"  # what the model was given: the photo alone, or any detail with it
INPUTS = (PHOTO, BOTH)
LEVELS = {"90": 0.90, "95": 0.95}  # by name, the share of photos whose set holds the true class
RULE_LEVEL = "90"  # the level whose set decides whether it is wide


def members(probability: Floats, thresholds: Floats) -> NDArray[np.bool_]:
    """Which classes are in each set, (N, classes); probability (N, classes), thresholds (classes,)."""
    return np.asarray(probability >= thresholds)


@dataclass(frozen=True)
class WideRule:
    """When a set says nothing useful: it holds so many classes, so many cancer classes beside a benign one, or none.

    classes, cancer_classes: from how many on; None where no number is too many.
    """

    classes: int | None
    cancer_classes: int | None

    def holds(self, inside: NDArray[np.bool_], cancer: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Whether each set (N, classes) is wide, (N,). cancer: (classes,) which of the classes are."""
        size, cancers = inside.sum(axis=1), inside[:, cancer].sum(axis=1)
        wide = size == 0
        if self.classes is not None:
            wide = wide | (size >= self.classes)
        if self.cancer_classes is not None:
            wide = wide | ((cancers >= self.cancer_classes) & (size > cancers))
        return np.asarray(wide)


NEVER_WIDE = WideRule(None, None)  # but for a set without any class


@dataclass(frozen=True)
class Sets:
    """The sets of one photo. by_level: codes, the most probable first. is_wide: whether they say nothing useful."""

    by_level: dict[str, tuple[str, ...]]
    is_wide: bool

    def as_json(self) -> dict[str, Any]:
        """As the API has them: by level the classes and how many they are."""
        return {level: {"classes": list(codes), "size": len(codes)} for level, codes in self.by_level.items()}


@dataclass(frozen=True)
class PredictionSets:
    """The sets of a bundle.

    codes: of the classes, in the order of the probabilities. cancer: (classes,) which are. thresholds: (classes,)
    by input and level. rule: when the set of RULE_LEVEL is wide.
    """

    codes: tuple[str, ...]
    cancer: NDArray[np.bool_]
    thresholds: dict[str, dict[str, Floats]]
    rule: WideRule

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, Any], task: str) -> PredictionSets:
        """The sets that a bundle's metadata describes. Raises BundleError where it does not."""
        names = codes(task)
        try:
            thresholds = {
                given: {level: _thresholds(metadata[KEY][given][level], names) for level in LEVELS}
                for given in INPUTS
            }
            wide = metadata[RULE_KEY]["wide"]
            rule = WideRule(_from_on(wide["classes"]), _from_on(wide["cancer_classes"]))
        except (KeyError, TypeError, ValueError) as error:
            raise BundleError(
                f"metadata.json: {KEY} must have a threshold from 0 to 1 for each input, level and class, and "
                f"{RULE_KEY}.wide the numbers of classes; restore the bundle."
            ) from error
        return cls(names, cancer_columns(task), thresholds, rule)

    def of(self, probability: Floats, with_details: bool) -> Sets:
        """The sets of one photo; probability: (classes,)."""
        thresholds = self.thresholds[BOTH if with_details else PHOTO]
        order = np.argsort(-probability, kind="stable")
        inside = {level: members(probability, thresholds[level]) for level in LEVELS}
        by_level = {
            level: tuple(self.codes[index] for index in order if inside[level][index]) for level in LEVELS
        }
        return Sets(by_level, bool(self.rule.holds(inside[RULE_LEVEL][None], self.cancer)[0]))


def _thresholds(by_code: Mapping[str, Any], names: tuple[str, ...]) -> Floats:
    found = np.array([by_code[name] for name in names], np.float64)
    if not ((found >= 0) & (found <= 1)).all():
        raise ValueError("a threshold is a probability")
    return found


def _from_on(value: Any) -> int | None:
    if value is not None and (type(value) is not int or value < 1):
        raise ValueError("a number of classes or null")
    return value
