"""The answers of `predict` for photos in memory."""

import csv
from pathlib import Path

from data_modelling.inference.batch.photo_folder import predict_folder, scan_photo_folder
from data_modelling.inference.bundle import load_bundle
from data_modelling.inference.details import Details
from data_modelling.inference.predictor import Predictor


def answered(
    bundle: Path,
    photos: dict[str, bytes],
    folder: Path,
    ending: str,
    details: dict[str, Details] | None = None,
    dermatoscope: bool = True,
) -> dict[str, dict[str, str]]:
    """Return the rows of answers.csv by name. folder: an empty one, for the photos and the csv files."""
    (folder / "photos").mkdir(parents=True)
    for name, data in photos.items():
        (folder / "photos" / f"{name}.{ending}").write_bytes(data)
    predict_folder(
        Predictor(load_bundle(bundle)),
        scan_photo_folder(folder / "photos"),
        details or {},
        folder / "p.csv",
        dermatoscope=dermatoscope,
    )
    with (folder / "p.answers.csv").open(newline="") as file:
        return {row["image"]: row for row in csv.DictReader(file)}
