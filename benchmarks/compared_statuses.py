"""Answer a photo twice, as the whole file and as what the browser sends, and keep both answers in a csv."""

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from data_modelling.inference.bundle import Bundle
from data_modelling.inference.predictor import Predictor
from data_modelling.inference.status import HIGHER_CONCERN, NO_CANCER_CLASS


@dataclass(frozen=True)
class Comparison:
    """Hold the answers to one photo: `whole` to the file of the camera, `sent` to what the browser sends."""

    image: str
    width: int
    height: int
    whole_bytes: int
    sent_bytes: int
    whole_status: str
    sent_status: str
    whole_probability: float
    sent_probability: float

    @property
    def has_changed(self) -> bool:
        """Return whether the two statuses differ."""
        return self.whole_status != self.sent_status

    @property
    def is_reassured(self) -> bool:
        """Return whether a concern became the all-clear."""
        return (self.whole_status, self.sent_status) == (HIGHER_CONCERN, NO_CANCER_CLASS)


def lenient_predictor(bundle: Bundle) -> Predictor:
    """Return the bundle's predictor; where it lacks a threshold for the all-clear, its cancer threshold stands in."""
    predictor = Predictor(bundle)
    thresholds = predictor.thresholds
    if thresholds.clear is None:
        predictor.thresholds = replace(thresholds, clear=thresholds.cancer)
    return predictor


def compare(predictor: Predictor, image: str, size: tuple[int, int], whole: bytes, sent: bytes) -> Comparison:
    """Return the answers to both files of a photo, without details, as taken through a dermatoscope."""
    first, second = (predictor.answer(data, dermatoscope=True) for data in (whole, sent))
    return Comparison(
        image,
        *size,
        len(whole),
        len(sent),
        first.status,
        second.status,
        round(first.cancer_probability, 6),
        round(second.cancer_probability, 6),
    )


def write_csv(rows: Sequence[Comparison], path: Path) -> None:
    """Write one row for each photo."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Comparison)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)


def read_csv(path: Path) -> list[Comparison]:
    """Return the rows that write_csv wrote."""
    with path.open(newline="") as file:
        return [_parsed_row(row) for row in csv.DictReader(file)]


def _parsed_row(row: dict[str, str]) -> Comparison:
    return Comparison(
        row["image"],
        int(row["width"]),
        int(row["height"]),
        int(row["whole_bytes"]),
        int(row["sent_bytes"]),
        row["whole_status"],
        row["sent_status"],
        float(row["whole_probability"]),
        float(row["sent_probability"]),
    )
