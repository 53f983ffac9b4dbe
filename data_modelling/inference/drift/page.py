"""Makes the HTML page of the command `monitor`: plots and sentences on how new photos differ from training photos."""

import tomllib
from collections.abc import Iterable
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from data_modelling.inference.drift.comparison import MIN_VALUES, QUANTILE_LEVELS, Floats, QuantityDrift

FOLDER = Path(__file__).parent
# For each quantity: its name, what a higher value means, and what a lower value means.
NAMES: dict[str, list[str]] = tomllib.loads((FOLDER / "quantities.toml").read_text(encoding="utf-8"))
WIDTH, HEIGHT = 260, 90  # size of a plot in CSS pixels


def drift_page(title: str, inputs: str, drifts: list[QuantityDrift], notes: Iterable[str] = ()) -> str:
    """Return the page, without scripts. inputs: a text about the compared photos. notes: sentences on unused inputs."""
    environment = Environment(loader=FileSystemLoader(FOLDER), autoescape=True)
    environment.filters["quantity"] = _name
    return environment.get_template("page.html").render(
        title=title,
        inputs=inputs,
        drifts=drifts,
        notes=notes,
        fewest=MIN_VALUES,
        sentence=drift_sentence,
        points=_points,
        width=WIDTH,
        height=HEIGHT,
    )


def drift_sentence(drift: QuantityDrift) -> str:
    """Return a sentence about the drift of one quantity, with its medians and its distance."""
    before, now = drift.medians
    change = "is spread differently" if now == before else "is higher" if now > before else "is lower"
    if drift.name in NAMES and now != before:
        change += f" ({NAMES[drift.name][1 if now > before else 2]})"
    name = _name(drift)
    return (
        f"{name[0].upper()}{name[1:]} {change}: the median is {before:.3g} in training and {now:.3g} in these {drift.count:,} "
        f"photos. The distance is {drift.distance:.2f}; chance does not explain {drift.at_least:.2f} of it."
    )


def _name(drift: QuantityDrift) -> str:
    return NAMES[drift.name][0] if drift.name in NAMES else f"probability of {drift.name}"


def _points(values: Floats, low: float, high: float) -> str:
    across = (values - low) / (high - low if high > low else 1) * WIDTH
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(across, (1 - QUANTILE_LEVELS) * HEIGHT, strict=True))
