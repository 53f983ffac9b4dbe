"""The record of a locked test's openings: which bundle opened it, when and why.

It lies in `DATA/splits/<set>.openings.csv`, outside every bundle. A bundle that opened the test has a copy of
the record as it was then, so that its card can be written again from its own files.
"""

import csv
import hashlib
from pathlib import Path
from typing import Any

from data_modelling.inference.files import replaced_when_whole

COLUMNS = ("date", "bundle", "version", "model_sha256", "metadata_sha256", "reason")
NAME = "openings.csv"


def read_openings(path: Path) -> list[dict[str, str]]:
    """The rows of a record, the earliest first; none where it does not exist."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def note_in_bundle(folder: Path, rows: list[dict[str, str]]) -> None:
    """Write the bundle's copy of the record."""
    with (
        replaced_when_whole(folder / NAME) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def openings(folder: Path) -> dict[str, Any]:
    """What metrics.json says of the openings: the rows up to this bundle's own, and whether model and metadata
    are still those that opened the test.
    """
    rows = read_openings(folder / NAME)
    own = {"metadata_sha256": metadata_sha256(folder), "model_sha256": _sha256(folder / "model.onnx")}
    return {"rows": rows, "as_opened": bool(rows) and all(rows[-1][key] == own[key] for key in own)}


def metadata_sha256(folder: Path) -> str:
    """Hash of a bundle's metadata.json."""
    return _sha256(folder / "metadata.json")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
