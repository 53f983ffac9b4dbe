"""Names for the keys of a bundle's files that pages show. What has none stays English, and is marked as that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from app.languages import counted, marked, sentence
from app.languages import say as _

# Of metrics.json's shortcuts and operating_point.
NAMES: Mapping[str, str] = {
    "all": marked("all photos"),
    "answered": marked("answered"),
    "answered_and_found": marked("answered and found"),
    "background_painted": marked("all but the lesion painted over"),
    "balanced_accuracy": marked("balanced accuracy"),
    "balanced_accuracy_by_chance": marked("balanced accuracy by chance"),
    "both": marked("photo and details"),
    "classes": marked("classes"),
    "deletion": marked("deletion test"),
    "deletion_of_the_rarer": marked("deletion test of the rarer classes"),
    "difference": marked("difference"),
    "drawn": marked("photos drawn"),
    "gaussian": marked("centred Gaussian"),
    "groups": marked("lesions or patients"),
    "inside": marked("share inside the lesion"),
    "intact": marked("whole photo"),
    "largest_share": marked("largest share that may be refused or have a wide set"),
    "lesion_painted": marked("lesion painted over"),
    "lesion_share": marked("share of the photo that the lesion covers"),
    "less_intact": marked("less that of the whole photo"),
    "macro_auc": marked("AUC, mean of the classes"),
    "map": marked("the model's map"),
    "map_less_gaussian": marked("the model's map less the Gaussian"),
    "map_less_random": marked("the model's map less a random one"),
    "mean": marked("mean"),
    "melanoma_sensitivity": marked("sensitivity for melanoma"),
    "melanomas": marked("melanomas"),
    "photo": marked("photo alone"),
    "photos": marked("photos"),
    "random": marked("random map"),
    "refused": marked("refused"),
    "share_refused_or_uncertain": marked("share refused or uncertain"),
    "share_refused_or_wide": marked("share refused or with a wide set"),
    "uncertain": marked("uncertain"),
    "views": marked("what it sees"),
    "wide": marked("with a wide set"),
}
# Of metrics.json's severity: how photos are made worse, and what says how much.
KINDS: Mapping[str, str] = {
    "blur": marked("blurred"),
    "bright": marked("brightened"),
    "dark": marked("darkened"),
    "faded": marked("faded"),
    "jpeg": marked("compressed"),
    "lifted": marked("shadows lifted"),
    "motion": marked("shaken"),
    "small": marked("made small"),
}
UNITS: Mapping[str, str] = {
    "Gaussian blur, % of the edge": marked("Gaussian blur, % of the edge"),
    "JPEG quality": marked("JPEG quality"),
    "contrast, as a factor": marked("contrast, as a factor"),
    "exponent of the gamma curve": marked("exponent of the gamma curve"),
    "exposure, as a factor": marked("exposure, as a factor"),
    "motion blur, % of the edge": marked("motion blur, % of the edge"),
    "pixels of the edge": marked("pixels of the edge"),
}


class English(str):
    """Words of a bundle's files for which there is no message."""

    __slots__ = ()


def plain_name(key: str) -> English:
    """A key without a name, as it stands in the file."""
    return English(key.replace("_", " ").capitalize())


def figure_path_name(keys: Sequence[str]) -> str:
    """The name of a figure by the keys that lead to it, the outermost first."""
    if all(key in NAMES for key in keys):
        return sentence(", ".join(_(NAMES[key]) for key in keys))
    return plain_name(" ".join(keys))


def step_name(kind: str, severity: float, unit: str) -> str:
    """How a photo was made worse, and how much."""
    if kind in KINDS and unit in UNITS:
        return f"{sentence(_(KINDS[kind]))}: {counted(severity)} ({_(UNITS[unit])})"
    return English(f"{plain_name(kind)}: {severity} ({unit})")


def in_its_language(text: str) -> str:
    """Text for a page, marked where it is English on a page of any language."""
    return Markup('<span lang="en">{}</span>').format(text) if isinstance(text, English) else text
