"""Two photos to try the page with, of ISIC 2017 (CC-0; Codella et al. 2018).

They are of the locked parts of our splits: no network of ours learned from them.
"""

from dataclasses import dataclass
from pathlib import Path

from app.forms import Submission
from app.languages import marked
from data_modelling.inference.details import Details

TAKEN_FROM = "ISIC_2017"
FOLDER = Path(__file__).parent / "static" / "examples"


@dataclass(frozen=True)
class Example:
    """image_id: the name in the ISIC Archive. truth: what the archive's diagnosis says, in plain words."""

    name: str
    image_id: str
    truth: str
    details: Details

    @property
    def file(self) -> str:
        """The name of the file in the folder of the examples."""
        return f"{self.image_id}.jpg"

    def submission(self) -> Submission:
        """The example as if somebody had sent it."""
        return Submission((FOLDER / self.file).read_bytes(), self.details, dermatoscope=True)


EXAMPLES = {
    example.name: example
    for example in (
        Example("melanoma", "ISIC_0009882", marked("a melanoma"), Details(60, "female", "upper extremity")),
        Example("nevus", "ISIC_0011359", marked("a mole"), Details(40, "female", "anterior torso")),
    )
}
