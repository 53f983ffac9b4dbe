"""Lists all diagnoses with their texts and flags, and the classes of each task."""

from dataclasses import dataclass
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

    code: the column name in predict's csv. name: the medical name. plain: a short explanation in plain words.
    flag_text: the flag in words.
    """

    code: str
    name: str
    plain: str
    flag: Flag
    flag_text: str


def _diagnosis(code: str, name: str, plain: str, flag: Flag, flag_text: str = "") -> Diagnosis:
    return Diagnosis(code, name, plain, flag, flag_text or FLAG_TEXTS[flag])


MELANOMA = _diagnosis(
    "MEL", "Melanoma", "a skin cancer of the pigment cells that can spread to other organs", "cancer"
)
NEVUS = _diagnosis("NV", "Melanocytic nevus", "a mole", "benign")
BASAL_CELL_CARCINOMA = _diagnosis(
    "BCC", "Basal cell carcinoma", "a common skin cancer that grows slowly and rarely spreads", "cancer"
)
ACTINIC_KERATOSIS_GROUP = _diagnosis(
    "AKIEC",
    "Actinic keratosis or intraepithelial carcinoma",
    "sun-damaged skin with changed cells: actinic keratosis, Bowen's disease, early squamous cell carcinoma",
    "cancer",
    "cancer or may become cancer (actinic keratosis, Bowen's disease, early squamous cell carcinoma)",
)
ACTINIC_KERATOSIS = _diagnosis(
    "AK", "Actinic keratosis", "a rough patch of sun-damaged skin", "may_become_cancer"
)
BENIGN_KERATOSIS = _diagnosis(
    "BKL",
    "Benign keratosis",
    "a harmless growth of the outer skin: age wart, sun spot or lichen-planus-like keratosis",
    "benign",
)
DERMATOFIBROMA = _diagnosis("DF", "Dermatofibroma", "a harmless firm knot in the skin", "benign")
VASCULAR_LESION = _diagnosis(
    "VASC", "Vascular lesion", "a harmless growth or bleeding of small blood vessels", "benign"
)
SQUAMOUS_CELL_CARCINOMA = _diagnosis(
    "SCC", "Squamous cell carcinoma", "a skin cancer of the outer skin that can spread", "cancer"
)
UNKNOWN = _diagnosis("UNK", "None of the known classes", "something the model was not trained on", "unknown")
MELANOMA_OR_NOT = _diagnosis(
    "melanoma", "Melanoma", "a skin cancer of the pigment cells that can spread to other organs", "cancer"
)
BENIGN_LESION = _diagnosis("benign", "Benign lesion", "a mole or another harmless spot", "benign")

TASKS: dict[str, tuple[Diagnosis, ...]] = {
    "ham10000": (
        MELANOMA,
        NEVUS,
        BASAL_CELL_CARCINOMA,
        ACTINIC_KERATOSIS_GROUP,
        BENIGN_KERATOSIS,
        DERMATOFIBROMA,
        VASCULAR_LESION,
    ),
    "isic2019": (
        MELANOMA,
        NEVUS,
        BASAL_CELL_CARCINOMA,
        ACTINIC_KERATOSIS,
        BENIGN_KERATOSIS,
        DERMATOFIBROMA,
        VASCULAR_LESION,
        SQUAMOUS_CELL_CARCINOMA,
        UNKNOWN,
    ),
    "isic2020": (MELANOMA_OR_NOT, BENIGN_LESION),
}


def class_codes(task: str) -> tuple[str, ...]:
    """Return the class codes of a task, in the order of the logits."""
    return tuple(diagnosis.code for diagnosis in TASKS[task])


def learned_class_codes(task: str) -> tuple[str, ...]:
    """Return the codes of the classes that occur in training photos; they come first in the order of the logits."""
    return tuple(diagnosis.code for diagnosis in TASKS[task] if diagnosis is not UNKNOWN)


def prediction_columns(task: str) -> tuple[str, ...]:
    """Return the class columns of predict's csv: all codes, or only the first of two."""
    codes = class_codes(task)
    return codes if len(codes) > 2 else codes[:1]
