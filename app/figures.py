"""What metrics.json says, as tables: parts that are there are shown, whatever else is in the file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from app.key_names import English, plain_name
from app.languages import counted
from app.languages import say as _
from data_modelling.inference.bundle import Bundle
from data_modelling.inference.diagnoses import TASKS

MODES = ("photo", "both")
OVERALL = ("balanced_accuracy", "macro_auc", "accuracy_most_probable", "expected_calibration_error")
OF_CLASS = (
    "auc",
    "sensitivity",
    "specificity",
    "positive_predictive_value",
    "negative_predictive_value",
    "average_precision",
)
QUESTIONS = ("cancer", "melanoma")
OUT_OF_FOLD = "out_of_fold"


@dataclass(frozen=True)
class Value:
    """A figure of metrics.json. path: where it stands, keys joined by slashes. interval: (low, high), if it has one."""

    path: str
    number: float | None
    interval: tuple[float, float] | None = None

    @property
    def is_count(self) -> bool:
        """Whether it counts something."""
        return isinstance(self.number, int)


Cell = Value | str


@dataclass(frozen=True)
class Table:
    """columns: the first is of the rows' headers. wide: many narrow columns, which stay a grid on a phone."""

    name: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    wide: bool = False


@dataclass(frozen=True)
class Part:
    """The figures on one set of photos, e.g. out-of-fold. title, said: what they are, in words."""

    key: str
    title: str
    said: str
    figures: dict[str, Any]
    tables: tuple[Table, ...]


def parts(bundle: Bundle) -> list[Part]:
    """The parts of a bundle's metrics.json that have figures of photos, in its order."""
    found = []
    for key, figures in bundle.metrics.items():
        if isinstance(figures, dict) and "photos" in figures and isinstance(figures.get("photo"), dict):
            tables = tuple(table for table in _tables(bundle, key, figures) if table.rows)
            if tables:
                found.append(Part(key, part_name(key), _about(key, figures), figures, tables))
    return found


def part_name(key: str) -> str:
    """What the photos of a part are called."""
    names = {
        "out_of_fold": _("Photos of the training data that the network had not seen (out-of-fold)"),
        "locked_test": _("Locked test"),
    }
    return names.get(key) or plain_name(key)


def figure_name(key: str) -> str:
    """A figure's name."""
    names = {
        "balanced_accuracy": _("Balanced accuracy"),
        "macro_auc": _("AUC, mean of the classes"),
        "accuracy_most_probable": _("Most probable class is right"),
        "expected_calibration_error": _("Calibration error (ECE)"),
        "auc": _("AUC"),
        "sensitivity": _("Sensitivity"),
        "specificity": _("Specificity"),
        "positive_predictive_value": _("Right when decided so"),
        "negative_predictive_value": _("Right when decided otherwise"),
        "average_precision": _("Average precision"),
    }
    return names.get(key) or plain_name(key)


def _about(key: str, figures: dict[str, Any]) -> str:
    """What the photos are, and who judged them."""
    if "groups" not in figures:
        return ""
    counts = {
        "photos": counted(int(figures["photos"])),
        "groups": counted(int(figures["groups"])),
    }
    by_patient = figures.get("grouped_by") == "patient"
    if by_patient:
        about = _("%(photos)s photos of %(groups)s patients.", **counts)
        unseen = _("Each was judged by a network that had seen no photo of its patient.")
    else:
        about = _("%(photos)s photos of %(groups)s lesions.", **counts)
        unseen = _("Each was judged by a network that had seen no photo of its lesion.")
    if key != OUT_OF_FOLD:
        return about
    chosen = _(
        "The thresholds were chosen on the same photos, so that figures that depend on them are a little too good."
    )
    return f"{about} {unseen} {chosen}"


def _tables(bundle: Bundle, key: str, figures: dict[str, Any]) -> Iterator[Table]:
    yield _overall(key, figures)
    yield _thresholds(key, figures)
    yield _classes(bundle, key, figures)
    yield _operating_points(key, figures)
    yield confusion(bundle, key, figures)
    yield subgroups(key, figures)


def _overall(key: str, figures: dict[str, Any]) -> Table:
    modes = [mode for mode in MODES if mode in figures]
    names = {"photo": _("Photo alone"), "both": _("Photo and details")}
    rows: list[tuple[Cell, ...]] = [
        (
            figure_name(name),
            *(
                _value(figures, f"{key}/{mode}/{name}", figures[mode].get("intervals", {}).get(name))
                for mode in modes
            ),
            *_change(key, figures, name),
        )
        for name in OVERALL
        if all(name in figures[mode] for mode in modes)
    ]
    columns = (
        _("Figure"),
        *(names[mode] for mode in modes),
        *([_("Change")] if "effect_of_details" in figures else []),
    )
    return Table(f"{key}-overall", _("In short"), columns, tuple(rows))


def _change(key: str, figures: dict[str, Any], name: str) -> list[Cell]:
    effect = figures.get("effect_of_details")
    if effect is None:
        return []
    if name not in effect:
        return [Value("", None)]
    path = f"{key}/effect_of_details/{name}/difference"
    return [_value(figures, path, effect[name].get("interval"))]


def _thresholds(key: str, figures: dict[str, Any]) -> Table:
    names = {"cancer": _("Cancer classes together"), "melanoma": _("Melanoma")}
    columns = ("threshold", "positives", "missed", "negatives", "flagged", "sensitivity", "specificity")
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (names[name], *(_value(figures, f"{key}/thresholds/{name}/{column}") for column in columns))
        for name in QUESTIONS
        if set(columns) <= set(figures.get("thresholds", {}).get(name, {}))
    )
    titles = (
        _("Question"),
        _("Threshold"),
        _("Photos of it"),
        _("Missed"),
        _("Other photos"),
        _("Flagged"),
        _("Sensitivity"),
        _("Specificity"),
    )
    return Table(f"{key}-thresholds", _("What the thresholds cost, in photos"), titles, rows)


def _classes(bundle: Bundle, key: str, figures: dict[str, Any]) -> Table:
    found = figures["photo"].get("classes", {})
    shown = [name for name in OF_CLASS if any(name in one for one in found.values())]
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            _(diagnosis.name),
            _value(figures, f"{key}/photo/classes/{diagnosis.code}/photos"),
            *(
                _value(
                    figures,
                    f"{key}/photo/classes/{diagnosis.code}/{name}",
                    found[diagnosis.code].get(f"{name}_interval"),
                )
                for name in shown
            ),
        )
        for diagnosis in TASKS[bundle.task]
        if diagnosis.code in found
    )
    columns = (_("Class"), _("Photos"), *map(figure_name, shown))
    return Table(f"{key}-classes", _("Each class, photo alone"), columns, rows)


def _operating_points(key: str, figures: dict[str, Any]) -> Table:
    """What other thresholds would cost."""
    names = {"cancer": _("Cancer classes together"), "melanoma": _("Melanoma")}
    columns = ("threshold", "sensitivity", "specificity", "missed", "flagged")
    rows: list[tuple[Cell, ...]] = []
    for question, found in figures.get("operating_points", {}).items():
        for rate, cost in found.get("at_sensitivity", {}).items():
            title = _(
                "%(question)s, found: %(share)s",
                question=names.get(question, question),
                share=counted(float(rate)),
            )
            path = f"{key}/operating_points/{question}/at_sensitivity/{rate}"
            rows.append((title, *(Value(f"{path}/{name}", cost.get(name)) for name in columns)))
    titles = (
        _("At a sensitivity of"),
        _("Threshold"),
        _("Sensitivity"),
        _("Specificity"),
        _("Missed"),
        _("Flagged"),
    )
    return Table(f"{key}-points", _("What other thresholds would cost"), titles, tuple(rows))


def confusion(bundle: Bundle, key: str, figures: dict[str, Any]) -> Table:
    """True diagnosis by decision, photo alone, in photos."""
    codes = [English(diagnosis.code) for diagnosis in TASKS[bundle.task]]  # one is a word: benign
    matrix = figures["photo"].get("confusion", [])
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            code,
            *(
                Value(f"{key}/photo/confusion/{row}/{column}", int(number))
                for column, number in enumerate(line)
            ),
        )
        for row, (code, line) in enumerate(zip(codes, matrix, strict=False))
    )
    columns = (_("True diagnosis"), *codes)
    return Table(
        f"{key}-confusion",
        _("Decisions (columns) for each true diagnosis (rows), in photos"),
        columns,
        rows,
        wide=True,
    )


def subgroups(key: str, figures: dict[str, Any]) -> Table:
    """Figures of subgroups, or why there are none."""
    rows: list[tuple[Cell, ...]] = []
    for index, row in enumerate(figures.get("subgroups", [])):
        path = f"{key}/subgroups/{index}"
        counts: list[Cell] = [Value(f"{path}/{name}", row.get(name)) for name in ("photos", "groups")]
        if "said" in row:
            shown: list[Cell] = [_("too few to say"), _("too few to say")]
        else:
            shown = [
                Value(f"{path}/{name}", row.get(name), bounds_of(row.get(f"{name}_interval")))
                for name in ("balanced_accuracy", "macro_auc")
            ]
        rows.append((subgroup_name(row), *counts, *shown))
    columns = (
        _("Subgroup"),
        _("Photos"),
        _("Patients") if figures.get("grouped_by") == "patient" else _("Lesions"),
        figure_name("balanced_accuracy"),
        figure_name("macro_auc"),
    )
    return Table(f"{key}-subgroups", _("Subgroups, photo alone"), columns, tuple(rows))


def subgroup_name(row: dict[str, Any]) -> str:
    """`attribute: value` in words."""
    attributes = {
        "age": _("age"),
        "sex": _("sex"),
        "site": _("place on the body"),
        "confirmation": _("confirmed by"),
        "source": _("source"),
    }
    values = {
        "not known": _("not known"),
        "female": _("female"),
        "male": _("male"),
        "head/neck": _("head or neck"),
        "anterior torso": _("front of the torso"),
        "posterior torso": _("back"),
        "torso": _("torso"),
        "upper extremity": _("arm or hand"),
        "lower extremity": _("leg or foot"),
        "palms/soles": _("palm or sole"),
        "oral/genital": _("mouth or genitals"),
        "confocal": _("confocal microscopy"),
        "consensus": _("consensus of doctors"),
        "follow_up": _("watching it (moles only)"),
        "histo": _("histology"),
    }
    attribute, value = str(row.get("attribute", "")), str(row.get("value", ""))
    return f"{attributes.get(attribute, attribute)}: {values.get(value, value)}"


def _value(figures: dict[str, Any], path: str, interval: Any = None) -> Value:
    """The figure at a path, whose first key is that of the part."""
    found: Any = figures
    for name in path.split("/")[1:]:
        found = found[name]
    return Value(path, found, bounds_of(interval))


def bounds_of(bounds: Any) -> tuple[float, float] | None:
    """An interval of metrics.json; None where there is none, or one of its bounds does not exist."""
    if not isinstance(bounds, (list, tuple)) or None in bounds:
        return None
    low, high = bounds
    return float(low), float(high)
