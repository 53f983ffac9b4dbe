"""Read a folder of your own photos and make tables of the model's answers to them, for the notebook own_photos."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import pandas as pd

from data_modelling.datasets.formats.class_names import learned_class_by_name, normalize_class_name
from data_modelling.datasets.formats.photo_files import photo_id
from data_modelling.datasets.table import read_csv
from data_modelling.inference.decision import REFUSED
from data_modelling.inference.details import fill_in_details, parse_details
from data_modelling.inference.errors import InputError
from data_modelling.inference.photo.dicom import header_details
from data_modelling.inference.photo.reader import is_photo_name
from data_modelling.inference.predictor import NEIGHBOURS, Predictor

LABELS = "labels.csv"
COLUMNS = ("image", "diagnosis", "age", "sex", "site")
REFUSED_COLUMN = "(refused)"


def read_photo_folder(folder: Path) -> pd.DataFrame:
    """Return COLUMNS and `path` of each photo in the folder and its subfolders, sorted by image.

    image: the file name without its ending. The other COLUMNS come from the file LABELS, or are empty. The name of the
    photo's subfolder replaces an empty diagnosis. Raises InputError for a folder without photos.
    """
    paths = [path for path in sorted(folder.rglob("*")) if is_photo_name(path.name)]
    if not paths:
        raise InputError(f"{folder} holds no photo; set OWN_PHOTOS to a folder that does.")
    folders = ["" if path.parent == folder else path.parent.name for path in paths]
    ids = [photo_id(str(path)) for path in paths]
    photos = pd.DataFrame({"image": ids, "path": paths, "folder": folders})
    if (folder / LABELS).exists():
        labels = read_csv(folder / LABELS, COLUMNS, "image", optional=COLUMNS[1:], numbers=["age"])
        photos = photos.merge(labels, on="image", how="left")
    photos = photos.reindex(columns=[*COLUMNS, "path", "folder"]).astype(object).fillna("")
    photos["diagnosis"] = photos["diagnosis"].where(photos["diagnosis"] != "", photos["folder"])
    return photos.drop(columns="folder").sort_values("image", ignore_index=True)


def answer_table(predictor: Predictor, photos: pd.DataFrame) -> pd.DataFrame:
    """Return a table: image, diagnosis, status, class, cancer (probability), reasons and neighbours (known photos).

    The name of a class, such as `nevus` or `nv`, becomes its code, so that `diagnosis` and `class` can be compared.
    """
    return pd.DataFrame([_answer_row(predictor, photo) for photo in photos.to_dict("records")])


def _answer_row(predictor: Predictor, photo: dict[Hashable, Any]) -> dict[str, object]:
    codes = learned_class_by_name(predictor.bundle.task)
    code = codes.get(normalize_class_name(photo["diagnosis"]), photo["diagnosis"])
    row: dict[str, object] = {"image": photo["image"], "diagnosis": code}
    refused = {"status": REFUSED, "class": "", "cancer": ""}
    details, errors = parse_details({str(name): value for name, value in photo.items()})
    try:
        if errors:
            raise errors[0]
        data = Path(photo["path"]).read_bytes()
        details = fill_in_details(details, header_details(data))
        answer = predictor.answer(data, details, dermatoscope=True, explain=[NEIGHBOURS])
    except InputError as error:
        return row | refused | {"reasons": str(error), "neighbours": ()}
    cancer = f"{answer.cancer_probability:.3f}"
    cells = {"status": answer.status, "class": answer.decision, "cancer": cancer}
    return row | {
        **(refused if answer.status == REFUSED else cells),
        "reasons": ";".join(answer.reasons),
        "neighbours": (answer.explanation or {}).get(NEIGHBOURS, ()),
    }


def neighbour_table(answers: pd.DataFrame) -> pd.DataFrame:
    """Return, for each photo, the diagnoses of the known (published) photos that are most like it, nearest first."""
    nearest = [
        ", ".join(neighbour["diagnosis"] for neighbour in neighbours) or "none"
        for neighbours in answers["neighbours"]
    ]
    return pd.DataFrame({"image": answers["image"], "diagnosis": answers["diagnosis"], "nearest": nearest})


def confusion_table(answers: pd.DataFrame) -> pd.DataFrame:
    """Count the photos that have a diagnosis, by diagnosis (rows) and by decision or refusal (columns)."""
    known = answers[answers["diagnosis"] != ""]
    decisions = known["class"].where(known["class"] != "", REFUSED_COLUMN)
    return pd.crosstab(known["diagnosis"], decisions.rename("decision"))
