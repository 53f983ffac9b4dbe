"""Defines the explanations of an answer: heat maps, the effect of the details, and the nearest known photos."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from data_modelling.inference.explanation.heat_map import Heatmap
from data_modelling.inference.explanation.neighbours import Neighbour

HEATMAP, DETAILS, NEIGHBOURS = "heatmap", "details", "neighbours"
EXPLANATIONS = (HEATMAP, DETAILS, NEIGHBOURS)  # the values of `explain`


@dataclass(frozen=True)
class ProbabilityChange:
    """Hold a probability with the details and the probability without any."""

    with_details: float
    without: float

    def as_json(self) -> dict[str, float]:
        """Return the change as in the API."""
        return {"with": self.with_details, "without": self.without}


@dataclass(frozen=True)
class DetailsEffect:
    """Hold the effect of the details on an answer.

    given: whether any detail was known; if none was known, nothing changes. classes: by code, in the order of the task.
    """

    given: bool
    classes: dict[str, ProbabilityChange]
    cancer: ProbabilityChange

    def as_json(self) -> dict[str, Any]:
        """Return the effect as in the API."""
        return {
            "given": self.given,
            "classes": {code: change.as_json() for code, change in self.classes.items()},
            "cancer": self.cancer.as_json(),
        }


@dataclass(frozen=True)
class Explanation:
    """The explanation of an answer; a part is None when it was not requested or cannot be given."""

    heatmap: Heatmap | None
    details: DetailsEffect | None
    neighbours: tuple[Neighbour, ...] | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the existing parts as in the API."""
        parts: dict[str, Any] = {}
        if self.heatmap is not None:
            parts["heatmap"] = self.heatmap.as_json()
        if self.details is not None:
            parts["details"] = self.details.as_json()
        if self.neighbours is not None:
            parts["neighbours"] = [neighbour.as_json() for neighbour in self.neighbours]
        return parts
