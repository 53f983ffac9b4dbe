"""Finds the class that a name means, in any usual spelling: code, medical name, or word of a published data set."""

import tomllib
import unicodedata
from pathlib import Path
from string import digits

from data_modelling.inference.diagnoses import TASKS, learned_class_codes
from data_modelling.inference.files.csv_table import normalize_file_name

OTHER_NAMES: dict[str, list[str]] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))


def learned_class_by_name(task: str) -> dict[str, str]:
    """Return class codes by normalized name; see `normalize_class_name`.

    If a name is both a code of the task (a list of classes) and the name of another class, it means the class with this
    code. The names of AKIEC include those of AK and SCC in ISIC 2019. UNK (unknown) has no photos and is left out.
    """
    codes = learned_class_codes(task)
    named = [
        *((code, code) for code in codes),
        *((diagnosis.code, diagnosis.name) for diagnosis in TASKS[task] if diagnosis.code in codes),
        *((code, name) for code in codes for name in OTHER_NAMES.get(code, ())),
    ]
    return {normalize_class_name(name): code for code, name in reversed(named)}


def normalize_class_name(name: str) -> str:
    """Return the letters and digits of a name in small letters, so that blanks, hyphens and case do not count.

    Digits at the beginning do not count either, because folders may be numbered, as in `0_NV`.
    """
    text = unicodedata.normalize("NFKC", normalize_file_name(name)).casefold()
    text = "".join(letter for letter in text if letter.isalnum())
    return text.lstrip(digits) or text
