"""The example photos of the page, from ISIC 2017 (CC-0; Codella et al. 2018), listed in examples/labels.csv.

They are in the locked test of our splits: none of our networks learned from them.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

from app.answer.wording import EXAMPLE_DIAGNOSES
from app.submission import Submission
from data_modelling.inference.details import Details, parse_details

EXAMPLES_SOURCE = "ISIC_2017"
EXAMPLES_FOLDER = Path(__file__).parents[1] / "static" / "examples"
LABELS = EXAMPLES_FOLDER / "labels.csv"
START_PAGE_EXAMPLES = 2  # the first ones, which the start page offers


@dataclass(frozen=True)
class ExamplePhoto:
    """Hold an example. image_id: its name in the ISIC Archive. diagnosis: from the archive, a class of ISIC 2019."""

    name: str
    image_id: str
    diagnosis: str
    details: Details

    @property
    def truth(self) -> str:
        """Return the diagnosis in plain words."""
        return str(EXAMPLE_DIAGNOSES[self.diagnosis])

    @property
    def is_cancer(self) -> bool:
        """Return whether the diagnosis is a cancer."""
        return self.diagnosis == "MEL"

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
