"""The texts of the card that says what to do next, by the answer's status. docs/wording.md names their sources."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from data_modelling.inference.decision import CHANGING, UNCERTAIN
from data_modelling.inference.predictor import Answer


@dataclass(frozen=True)
class NextStep:
    """Hold the texts of a card, not yet translated. action: its head, which says whom to see and when."""

    action: str
    what: str
    whom: str
    quickly: str
    bring: str
    sooner: str


_TEXTS = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
SEE_NOW: str = _TEXTS["see_now"]
# The steps by status; one more key, CHANGING, is for a changing spot whose status is "uncertain".
NEXT_STEPS = {name: NextStep(**(_TEXTS["most_steps"] | texts)) for name, texts in _TEXTS["steps"].items()}


def next_step(answer: Answer) -> NextStep:
    """Return the step for the status; a changing spot with the status "uncertain" has its own step."""
    is_changing = answer.status == UNCERTAIN and CHANGING in answer.reasons
    return NEXT_STEPS[CHANGING if is_changing else answer.status]
