"""The words for the nearest known photos of an answer, and for how much they help."""

from typing import Any

from flask import Flask

from app.http.languages import format_number, mark_message
from app.http.languages import translate as _

CONFIRMATION_TEXTS = {
    "histopathology": mark_message("confirmed under the microscope (histopathology)"),
    "consensus": mark_message("agreed on by several dermatologists"),
    "not_on_record": mark_message("how it was confirmed is not on record"),
}
CLOSENESS_TEXTS = {
    "near": mark_message("very similar"),
    "usual": mark_message("similar"),
    "far": mark_message("less similar"),
}
NOT_MEASURED = mark_message("For this model, we did not measure how much these photos help.")


def init_app(app: Flask) -> None:
    """Offer the words to the templates."""
    app.jinja_env.globals.update(
        confirmation_texts=CONFIRMATION_TEXTS,
        closeness_texts=CLOSENESS_TEXTS,
        neighbours_worth_text=neighbours_worth_text,
    )


def neighbours_worth_text(metrics: dict[str, Any] | None) -> str:
    """Return a text on how much the photos help. metrics: `neighbours` of metrics.json, None where it is absent."""
    overall = (metrics or {}).get("all", {})
    if metrics is None or "nearest" not in overall:
        return _(NOT_MEASURED)
    counts = _(
        "For %(nearest)s of 100 test photos, the most similar known photo had the right diagnosis. The most "
        "frequent diagnosis of the six was right for %(majority)s, a random known photo's for %(chance)s, and "
        "the model's own for %(model)s.",
        nearest=_of_100(overall["nearest"]["value"]),
        majority=_of_100(overall["majority"]["value"]),
        chance=_of_100(overall["chance"]),
        model=_of_100(overall["model"]["value"]),
    )
    if metrics["helps"]:
        return f"{counts} " + _("If most of the six contradicted the model, it was wrong more often.")
    return f"{counts} " + _("They do not help to judge a spot.")


def _of_100(share: float) -> str:
    return format_number(round(100 * share))
