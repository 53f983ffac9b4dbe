"""Read a folder of your own photos and make tables of the model's answers to them, for the notebook own_photos."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import pandas as pd

from data_modelling.datasets.formats.class_folders import ALIASES, PHOTOS_CSV
from data_modelling.datasets.formats.class_names import learned_class_by_name, normalize_class_name
from data_modelling.datasets.table import print_warning, read_csv
from data_modelling.inference.decision import REFUSED
from data_modelling.inference.details import fill_in_details, parse_details
from data_modelling.inference.errors import InputError
from data_modelling.inference.files.csv_table import normalize_image_id, shortened_list
from data_modelling.inference.photo.dicom import header_details
from data_modelling.inference.photo.reader import is_photo_name
from data_modelling.inference.predictor import NEIGHBOURS, Predictor

LABELS = ("labels.csv", PHOTOS_CSV)
COLUMNS = ("image_id", "diagnosis", "age", "sex", "site")
REFUSED_COLUMN = "(refused)"


def read_photo_folder(folder: Path) -> pd.DataFrame:
    """Return image, diagnosis, age, sex, site and path of each photo in the folder and its subfolders, sorted by image.

    image: the file name without its ending, or `folder/name` if several photos have this name. The first file of LABELS
    gives the details. A photo's subfolder replaces an empty diagnosis. Raises InputError if the folder has no photos.
    """
    paths = [path for path in sorted(folder.rglob("*")) if is_photo_name(path.name)]
    if not paths:
        raise InputError(f"{folder} holds no photo; set OWN_PHOTOS to a folder that does.")
    full_ids = pd.Series([normalize_image_id(path.relative_to(folder).as_posix()) for path in paths])
    names = full_ids.str.rpartition("/")[2]
    ids = names.mask(names.duplicated(keep=False), full_ids)
    photos = pd.DataFrame({"image_id": ids, "path": paths})
    for file in [folder / name for name in LABELS if (folder / name).exists()][:1]:
        labels = read_csv(file, COLUMNS, "image_id", optional=COLUMNS[1:], aliases=ALIASES, numbers=["age"])
        labels["image_id"] = labels["image_id"].replace(dict(zip(full_ids, ids, strict=True)))
        if unknown := sorted(set(labels["image_id"]) - set(ids)):
            print_warning(f"{len(unknown)} rows of {file} have no photo: {shortened_list(unknown)}")
        photos = photos.merge(labels, on="image_id", how="left")
    photos = photos.reindex(columns=[*COLUMNS, "path"]).astype(object).fillna("")
    folders = ["" if path.parent == folder else path.parent.name for path in photos["path"]]
    photos["diagnosis"] = photos["diagnosis"].where(photos["diagnosis"] != "", folders)
    return photos.rename(columns={"image_id": "image"}).sort_values("image", ignore_index=True)


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
    cells = {"status": answer.status, "class": answer.decision, "cancer": f"{answer.cancer_probability:.3f}"}
    neighbours = (answer.explanation or {}).get(NEIGHBOURS, ())
    shown = refused if answer.status == REFUSED else cells
    return row | shown | {"reasons": ";".join(answer.reasons), "neighbours": neighbours}


def neighbour_table(answers: pd.DataFrame) -> pd.DataFrame:
    """Return, for each photo, the diagnoses of the known (published) photos that are most like it, nearest first."""
    nearest = [", ".join(item["diagnosis"] for item in known) or "none" for known in answers["neighbours"]]
    return answers[["image", "diagnosis"]].assign(nearest=nearest)


def confusion_table(answers: pd.DataFrame) -> pd.DataFrame:
    """Count the photos that have a diagnosis, by diagnosis (rows) and by decision or refusal (columns)."""
    known = answers[answers["diagnosis"] != ""]
    decisions = known["class"].where(known["class"] != "", REFUSED_COLUMN)
    return pd.crosstab(known["diagnosis"], decisions.rename("decision"))
