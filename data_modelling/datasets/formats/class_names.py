"""Reads the name of a class in any usual spelling: codes, medical names, and the words of the published data sets."""

import unicodedata
from collections.abc import Iterator
from string import digits

from data_modelling.inference.diagnoses import TASKS, learned_class_codes
from data_modelling.inference.files.csv_table import normalize_file_name

# Other names of the classes of ISIC 2019 and HAM10000: from the published data sets, British and plural forms, and
# the usual German and French names.
OTHER_NAMES: dict[str, tuple[str, ...]] = {
    "MEL": ("malignant melanoma", "melanomas", "Melanom", "Melanome", "mélanome", "mélanomes"),
    "NV": (
        "nevus",
        "nevi",
        "naevus",
        "naevi",
        "NEV",
        "mole",
        "melanocytic nevi",
        "melanocytic naevus",
        "melanocytic naevi",
        "Nävus",
        "Nävi",
        "nævus",
        "Muttermal",
        "Muttermale",
    ),
    "BCC": ("basal cell carcinomas", "Basaliom", "Basalzellkarzinom", "carcinome basocellulaire"),
    "AKIEC": (
        "actinic keratoses",
        "actinic keratoses and intraepithelial carcinoma",
        "actinic keratoses and intraepithelial carcinomas",
        "actinic keratosis and intraepithelial carcinoma",
        "actinic keratosis intraepithelial carcinoma",
        "intraepithelial carcinoma",
        "Bowen's disease",
        "Bowen disease",
        "AK",
        "ACK",
        "actinic keratosis",
        "aktinische Keratose",
        "aktinische Keratosen",
        "kératose actinique",
        "Morbus Bowen",
        "SCC",
        "squamous cell carcinoma",
        "squamous cell carcinomas",
        "Plattenepithelkarzinom",
        "carcinome épidermoïde",
    ),
    "AK": ("ACK", "actinic keratoses", "aktinische Keratose", "aktinische Keratosen", "kératose actinique"),
    "BKL": (
        "benign keratosis-like lesion",
        "benign keratosis-like lesions",
        "benign keratoses",
        "pigmented benign keratosis",
        "PBK",
        "seborrheic keratosis",
        "seborrheic keratoses",
        "seborrhoeic keratosis",
        "SEK",
        "SK",
        "lichenoid keratosis",
        "lichen planus-like keratosis",
        "LPLK",
        "solar lentigo",
        "lentigo NOS",
        "gutartige Keratose",
        "seborrhoische Keratose",
        "seborrhoische Keratosen",
        "kératose séborrhéique",
    ),
    "DF": ("dermatofibromas", "Dermatofibrom", "Dermatofibrome"),
    "VASC": (
        "vascular lesions",
        "vascular",
        "angioma",
        "hemangioma",
        "haemangioma",
        "Angiom",
        "Hämangiom",
        "Gefäßläsion",
        "angiome",
    ),
    "SCC": ("squamous cell carcinomas", "Plattenepithelkarzinom", "carcinome épidermoïde"),
    "melanoma": ("MEL", "malignant", "malignant melanoma", "melanomas", "Melanom", "mélanome"),
    "benign": ("benign lesions",),
}


def learned_class_by_name(task: str) -> dict[str, str]:
    """Return the code of each class with photos by normalized name; see `normalize_class_name`.

    A code of the task comes before another class's name. AKIEC includes AK and SCC, which ISIC 2019 has as two classes. UNK
    has no photos, so it is left out.
    """
    names: dict[str, str] = {}
    for code, name in _names(task):
        names.setdefault(normalize_class_name(name), code)
    return names


def normalize_class_name(name: str) -> str:
    """Return the letters and digits of a name in small letters, so that blanks, hyphens and case do not count.

    Digits before the name do not count either: folders are numbered to be in an order, as in `0_NV`.
    """
    text = unicodedata.normalize("NFKC", normalize_file_name(name)).casefold()
    text = "".join(letter for letter in text if letter.isalnum())
    return text.lstrip(digits) or text


def _names(task: str) -> Iterator[tuple[str, str]]:
    """Yield the pairs of code and name, the codes first."""
    codes = learned_class_codes(task)
    yield from ((code, code) for code in codes)
    yield from ((diagnosis.code, diagnosis.name) for diagnosis in TASKS[task] if diagnosis.code in codes)
    yield from ((code, name) for code in codes for name in OTHER_NAMES.get(code, ()))
