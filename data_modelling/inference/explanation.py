"""What comes with an answer on request: the heat maps, and what the patient details changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from data_modelling.inference.heatmap import Heatmap

HEATMAP, DETAILS = "heatmap", "details"
EXPLANATIONS = (HEATMAP, DETAILS)  # the words that `explain` may name


class Judged(Protocol):
    """The probabilities of an answer."""

    @property
    def probabilities(self) -> dict[str, float]:
        """By class code."""

    @property
    def cancer_probability(self) -> float:
        """Of the cancer classes together."""


@dataclass(frozen=True)
class Change:
    """A probability with the details that were given and without any."""

    with_details: float
    without: float

    def as_json(self) -> dict[str, float]:
        """`with` and `without`, as the API has them."""
        return {"with": self.with_details, "without": self.without}


@dataclass(frozen=True)
class DetailsEffect:
    """given: whether any detail was; without any, nothing changes. classes: by code, in the task's order."""

    given: bool
    classes: dict[str, Change]
    cancer: Change

    @classmethod
    def between(cls, answer: Judged, without: Judged, given: bool) -> DetailsEffect:
        """The change from the answer to the photo alone to the answer to photo and details."""
        return cls(
            given,
            {
                code: Change(probability, without.probabilities[code])
                for code, probability in answer.probabilities.items()
            },
            Change(answer.cancer_probability, without.cancer_probability),
        )

    def as_json(self) -> dict[str, Any]:
        """As the API has it."""
        return {
            "given": self.given,
            "classes": {code: change.as_json() for code, change in self.classes.items()},
            "cancer": self.cancer.as_json(),
        }


@dataclass(frozen=True)
class Explanation:
    """Each part is None when it was not asked for or cannot be given."""

    heatmap: Heatmap | None
    details: DetailsEffect | None

    def as_json(self) -> dict[str, Any]:
        """The parts that are there."""
        parts: dict[str, Any] = {}
        if self.heatmap is not None:
            parts["heatmap"] = self.heatmap.as_json()
        if self.details is not None:
            parts["details"] = self.details.as_json()
        return parts
