"""Lists all diagnoses with their texts and flags (such as "cancer"), and the tasks: lists of classes to tell apart."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Flag = Literal["cancer", "may_become_cancer", "benign", "unknown"]

FLAG_TEXTS: dict[Flag, str] = {
    "cancer": "cancer",
    "may_become_cancer": "may become cancer",
    "benign": "benign",
    "unknown": "unknown",
}


@dataclass(frozen=True)
class Diagnosis:
    """Hold one class of a task.

    code: the class code, such as MEL. name: the medical name. plain: a plain explanation. flag_text: the flag in words.
    """

    code: str
    name: str
    plain: str
    flag: Flag
    flag_text: str


_TABLE = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
_DIAGNOSES = {
    code: Diagnosis(code=code, **({"flag_text": FLAG_TEXTS[facts["flag"]]} | facts))
    for code, facts in _TABLE["diagnoses"].items()
}
UNKNOWN = _DIAGNOSES["UNK"]
TASKS: dict[str, tuple[Diagnosis, ...]] = {
    task: tuple(_DIAGNOSES[code] for code in codes) for task, codes in _TABLE["tasks"].items()
}


def class_codes(task: str) -> tuple[str, ...]:
    """Return the class codes of a task, in the order of the logits."""
    return tuple(diagnosis.code for diagnosis in TASKS[task])


def learned_class_codes(task: str) -> tuple[str, ...]:
    """Return the codes of the classes that training photos show: all but UNK (unknown), whose logit comes last."""
    return tuple(diagnosis.code for diagnosis in TASKS[task] if diagnosis is not UNKNOWN)


def prediction_columns(task: str) -> tuple[str, ...]:
    """Return the class columns of predict's csv: all class codes, or only the first if there are two."""
    codes = class_codes(task)
    return codes if len(codes) > 2 else codes[:1]
