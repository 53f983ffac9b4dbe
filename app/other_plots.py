"""Words and tables of the plots on precision, decisions, doubt, the locked test, other sources and shortcuts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from app.figures import OUT_OF_FOLD, QUESTIONS, Cell, Table, Value, bounds_of, figure_name
from app.key_names import figure_path_name, step_name
from app.languages import decimal
from app.languages import say as _
from app.out_of_fold import scores_of, share
from data_modelling.inference.bundle import Bundle
from data_modelling.inference.decision import decisions
from data_modelling.inference.diagnoses import TASKS

Words = tuple[str, str, Table | None]

ANSWERED = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)  # shares of the photos at which the table of doubt has a row


def _precision_recall(bundle: Bundle) -> Words:
    title = _("Right among those flagged (precision and recall)")
    found = bundle.metrics.get(OUT_OF_FOLD, {}).get("photo", {}).get("classes", {})
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            _(diagnosis.name),
            Value(
                f"{OUT_OF_FOLD}/photo/classes/{diagnosis.code}/photos", found[diagnosis.code].get("photos")
            ),
            Value(
                f"{OUT_OF_FOLD}/photo/classes/{diagnosis.code}/average_precision",
                found[diagnosis.code]["average_precision"],
            ),
        )
        for diagnosis in TASKS[bundle.task]
        if "average_precision" in found.get(diagnosis.code, {})
    )
    if not rows:
        return title, "", None
    said = _(
        "The higher a curve, the more of those that are flagged are of the class, when so many of the class are found. "
        "It depends on how rare the class is: the dotted line is flagging everyone."
    )
    columns = (_("Class"), _("Photos"), figure_name("average_precision"))
    return title, said, Table("precision-recall", title, columns, rows)


def _decision_curve(bundle: Bundle) -> Words:
    title = _("Whether flagging helps (decision curve)")
    found = bundle.metrics.get(OUT_OF_FOLD, {}).get("operating_points", {})
    asked = [name for name in QUESTIONS if "net_benefit" in found.get(name, {})]
    if not asked:
        return title, "", None
    names = {"cancer": _("Cancer classes together"), "melanoma": _("Melanoma")}
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            share(float(at)),
            *(
                Value(
                    f"{OUT_OF_FOLD}/operating_points/{name}/net_benefit/{at}",
                    found[name]["net_benefit"].get(at),
                )
                for name in asked
            ),
        )
        for at in found[asked[0]]["net_benefit"]
    )
    said = _(
        "Net benefit weighs the cancers found against the benign photos flagged, by how many of these one would accept "
        "for a cancer. Above both grey lines the model helps more than flagging everyone or no one."
    )
    columns = (_("Threshold"), *(_("Net benefit: %(question)s", question=names[name]) for name in asked))
    return title, said, Table("decision-curve", title, columns, rows)


def _risk_coverage(bundle: Bundle) -> Words:
    title = _("Errors when the uncertain photos are not answered")
    scores = scores_of(bundle)
    if scores is None:
        return title, "", None
    labels, probability = scores
    prior = np.array([bundle.metadata["decision_prior"][one.code] for one in TASKS[bundle.task]])
    wrong = decisions(probability, prior) != labels
    order = np.argsort(-probability.max(axis=1), kind="stable")
    errors = {part: float(wrong[order[: round(part * len(labels))]].mean()) for part in ANSWERED}
    said = _(
        "If only the more certain half of the photos were answered, %(half)s of the decisions would be wrong, instead "
        "of %(all)s.",
        half=share(errors[0.5]),
        all=share(errors[1.0]),
    )
    rows = tuple((share(part), share(error)) for part, error in errors.items())
    columns = (_("Share of photos answered"), _("Share decided wrong"))
    return title, said, Table("risk-coverage", title, columns, rows)


def _locked_test(bundle: Bundle) -> Words:
    title = _("What was expected and what the locked test gave")
    found = bundle.metrics.get("fit_to_served", {})
    rows: list[tuple[Cell, ...]] = []
    for mode, named in (("photo", _("photo alone")), ("both", _("photo and details"))):
        for name, one in found.get(mode, {}).items():
            path = f"fit_to_served/{mode}/{name}"
            rows.append(
                (
                    f"{figure_name(name)}, {named}",
                    Value(f"{path}/out_of_fold", one.get("out_of_fold")),
                    Value(f"{path}/locked_test", one.get("locked_test"), bounds_of(one.get("interval"))),
                )
            )
    if not rows:
        return title, "", None
    said = _(
        "Each line is the 95 % interval of a figure in the locked test, the cross what the out-of-fold photos let "
        "expect. Where a line does not hold its cross, the expectation was off."
    )
    columns = (_("Figure"), _("Expected"), _("Locked test"))
    return title, said, Table("locked-test", title, columns, tuple(rows))


def _elsewhere(bundle: Bundle) -> Words:
    title = _("On photos from elsewhere")
    found = {
        name: one
        for name, one in bundle.metrics.get("elsewhere", {}).items()
        if isinstance(one, dict) and "photo" in one
    }
    rows: list[tuple[Cell, ...]] = []
    for name, one in found.items():
        path = f"elsewhere/{name}"
        phone = _("phone photos")
        label = name.replace("_", " ") + (f" ({phone})" if one.get("phone") else "")
        counts = [
            Value(f"{path}/photo/thresholds/cancer/{column}", cost.get(column))
            for cost in [one["photo"].get("thresholds", {}).get("cancer", {})]
            for column in ("positives", "missed", "negatives", "flagged")
        ]
        skill = [
            Value(
                f"{path}/photo/{area}",
                one["photo"].get(area),
                bounds_of(one["photo"].get(f"{area}_interval")),
            )
            for area in ("cancer_auc", "melanoma_auc")
        ]
        rows.append((label, Value(f"{path}/photos", one.get("photos")), *skill, *counts))
    if not rows:
        return title, "", None
    areas = [
        one["photo"]["cancer_auc"] for one in found.values() if one["photo"].get("cancer_auc") is not None
    ]
    own = bundle.metrics.get(OUT_OF_FOLD, {}).get("operating_points", {}).get("cancer", {}).get("auc")
    said = _("Photos of other clinics and of phones, on which the same thresholds were tried.")
    if areas and own is not None:
        said += " " + _(
            "The area under the curve for the cancer classes together is %(own)s on photos like those of the training, "
            "and %(low)s at worst here.",
            own=decimal(own),
            low=decimal(min(areas)),
        )
    columns = (
        _("Source"),
        _("Photos"),
        _("AUC, cancer classes"),
        _("AUC, melanoma"),
        _("Cancer photos"),
        _("Missed"),
        _("Other photos"),
        _("Flagged"),
    )
    return title, said, Table("elsewhere", title, columns, tuple(rows))


def _shortcuts(bundle: Bundle) -> Words:
    title = _("Whether it looks at the lesion (shortcut tests)")
    found = bundle.metrics.get(OUT_OF_FOLD, {}).get("shortcuts", {})
    rows = tuple(_flat(found, f"{OUT_OF_FOLD}/shortcuts"))
    if not rows:
        return title, "", None
    said = _(
        "What is left of its skill when the lesion, or all around it, is painted over, and where its maps lie."
    )
    views = found.get("views", {})
    if {"intact", "lesion_painted", "background_painted"} <= set(views):
        said += " " + _(
            "Balanced accuracy: %(intact)s with the whole photo, %(without)s without the lesion, %(alone)s with the "
            "lesion alone; by chance it would be %(chance)s.",
            intact=decimal(views["intact"]["balanced_accuracy"]),
            without=decimal(views["lesion_painted"]["balanced_accuracy"]),
            alone=decimal(views["background_painted"]["balanced_accuracy"]),
            chance=decimal(found.get("balanced_accuracy_by_chance", 0)),
        )
    return title, said, Table("shortcuts", title, (_("Figure"), _("Value")), rows)


def _operating_point(bundle: Bundle) -> Words:
    title = _("What is gained by leaving photos unanswered")
    found = bundle.metrics.get(OUT_OF_FOLD, {}).get("operating_point", {})
    rows = tuple(_flat(found, f"{OUT_OF_FOLD}/operating_point"))
    if not rows:
        return title, "", None
    said = _(
        "How right the decisions are when refused and uncertain photos are left out, and how many these are."
    )
    return title, said, Table("operating-point", title, (_("Figure"), _("Value")), rows)


def _severity(bundle: Bundle) -> Words:
    title = _("Photos made worse step by step")
    kinds = bundle.metrics.get("severity", {}).get("kinds", {})
    rows: list[tuple[Cell, ...]] = []
    for kind, found in kinds.items():
        for at, step in enumerate(found.get("steps", [])):
            path = f"severity/kinds/{kind}/steps/{at}"
            rows.append(
                (
                    step_name(kind, step["severity"], found.get("unit", "")),
                    Value(
                        f"{path}/balanced_accuracy",
                        step.get("balanced_accuracy"),
                        bounds_of(step.get("interval")),
                    ),
                    Value(f"{path}/refused", step.get("refused")),
                    Value(f"{path}/caught", step.get("caught")),
                )
            )
    if not rows:
        return title, "", None
    said = _(
        "The same photos blurred, darkened, brightened and compressed more and more: how right the decisions stay, and "
        "from where on photos are refused or told to be hard to judge."
    )
    columns = (_("Step"), figure_name("balanced_accuracy"), _("Refused"), _("Refused or warned of"))
    return title, said, Table("severity", title, columns, tuple(rows))


def _flat(values: dict[str, Any], path: str, keys: tuple[str, ...] = ()) -> Iterator[tuple[Cell, ...]]:
    """A row for each figure below, named by its keys; an interval stands beside the figure that it belongs to."""
    for key, value in values.items():
        below = (*keys, key)
        if isinstance(value, dict) and key != "intervals":
            yield from _flat(value, f"{path}/{key}", below)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            beside = values.get(f"{key}_interval") or values.get("intervals", {}).get(key)
            beside = beside or (values.get("interval") if key in ("mean", "difference") else None)
            yield figure_path_name(below), Value(f"{path}/{key}", value, bounds_of(beside))


OTHERS: dict[str, Callable[[Bundle], Words]] = {
    "precision_recall.png": _precision_recall,
    "risk_coverage.png": _risk_coverage,
    "decision_curve.png": _decision_curve,
    "operating_point.png": _operating_point,
    "severity.png": _severity,
    "locked_test.png": _locked_test,
    "elsewhere.png": _elsewhere,
    "shortcuts.png": _shortcuts,
}
