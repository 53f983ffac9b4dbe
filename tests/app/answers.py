"""What `predict` says of photos that lie in memory."""

import csv
from pathlib import Path

from data_modelling.inference.bundle import load_bundle
from data_modelling.inference.folder import photos_in, predict_folder
from data_modelling.inference.predictor import Predictor


def answered(bundle: Path, photos: dict[str, bytes], folder: Path, ending: str) -> dict[str, dict[str, str]]:
    """The rows of answers.csv by name. folder: an empty one, for the photos and the csv files."""
    (folder / "photos").mkdir()
    for name, data in photos.items():
        (folder / "photos" / f"{name}.{ending}").write_bytes(data)
    predict_folder(Predictor(load_bundle(bundle)), photos_in(folder / "photos"), {}, folder / "p.csv")
    with (folder / "p.answers.csv").open(newline="") as file:
        return {row["image"]: row for row in csv.DictReader(file)}
