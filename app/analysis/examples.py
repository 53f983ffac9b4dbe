"""The example photos, and the page /examples with the default model's answer to each of them.

The photos are from ISIC 2017 (CC-0; Codella et al. 2018), and static/examples/labels.csv lists them. They are in the
locked test of our splits, so none of our networks learned from them.
"""

import csv
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Blueprint, render_template

from app.analysis.form_fields import Submission
from app.answer.wording import EXAMPLE_DIAGNOSES, VERDICTS
from app.bundles import current_bundles
from data_modelling.inference.decision import HIGHER_CONCERN, NO_CANCER_CLASS, REFUSED
from data_modelling.inference.details import Details, parse_details
from data_modelling.inference.predictor import Predictor

blueprint = Blueprint("gallery", __name__)

EXAMPLES_SOURCE = "ISIC_2017"
EXAMPLES_FOLDER = Path(__file__).parents[1] / "static" / "examples"
LABELS = EXAMPLES_FOLDER / "labels.csv"
START_PAGE_EXAMPLES = 2  # number of examples on the start page; it shows the first ones in EXAMPLES


@dataclass(frozen=True)
class ExamplePhoto:
    """Hold an example. image_id: its ISIC Archive id. diagnosis: the archive's diagnosis, as an ISIC 2019 code."""

    name: str
    image_id: str
    diagnosis: str
    details: Details

    @property
    def truth(self) -> str:
        """Return the diagnosis in plain words."""
        return str(EXAMPLE_DIAGNOSES[self.diagnosis])

    @property
    def file(self) -> str:
        """Return the name of the file in the folder of the examples."""
        return f"{self.image_id}.jpg"

    def submission(self) -> Submission:
        """Return the example as if somebody had sent it."""
        return Submission((EXAMPLES_FOLDER / self.file).read_bytes(), self.details, dermatoscope=True)


with LABELS.open(encoding="utf-8", newline="") as _file:
    EXAMPLES = {
        row["name"]: ExamplePhoto(row["name"], row["image"], row["diagnosis"], parse_details(row)[0])
        for row in csv.DictReader(_file)
    }


@blueprint.get("/examples")
def page() -> str:
    """Return the page of the examples. Raises a 503 Problem when the default bundle is not valid."""
    return render_template("gallery.html", judged=judged_examples(current_bundles().predictor()))


@lru_cache(maxsize=1)
def judged_examples(predictor: Predictor) -> list[dict[str, Any]]:
    """Return each example, its answer's status, and a sentence that compares this status with the diagnosis."""
    judged = []
    for example in EXAMPLES.values():
        status = predictor.answer(example.submission().photo, example.details, dermatoscope=True).status
        verdict = VERDICTS[_verdict(example, status)]
        judged.append({"example": example, "status": status, "verdict": verdict})
    return judged


def _verdict(example: ExamplePhoto, status: str) -> str:
    """Return the key in VERDICTS for an example whose answer has this status."""
    if status == REFUSED:
        return "not_used"
    is_cancer = example.diagnosis == "MEL"
    if status == HIGHER_CONCERN:
        return "right" if is_cancer else "false_alarm"
    if is_cancer:
        return "missed"
    return "right" if status == NO_CANCER_CLASS else "not_judged"
