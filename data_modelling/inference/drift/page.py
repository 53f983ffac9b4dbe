"""Writes the page of `monitor`: sentences about the drift, and a small plot for each quantity, in one file without scripts."""

from collections.abc import Iterable
from html import escape

import numpy as np
from numpy.typing import NDArray

from data_modelling.inference.drift.comparison import MIN_VALUES, QUANTILE_LEVELS, QuantityDrift

# The name of a quantity, and what a higher or a lower value means.
NAMES = {
    "source_edge": ("pixels of the square's edge", "larger photos", "smaller photos"),
    "contrast": ("contrast", "more contrast", "less contrast"),
    "sharpness": ("sharpness", "sharper or noisier photos", "photos less sharp"),
    "light": ("brightness of the light parts", "brighter photos", "darker photos"),
    "middle": ("median brightness", "brighter photos", "darker photos"),
    "overexposed": ("share of overexposed pixels", "more overexposure", "less overexposure"),
    "flatness": ("flatness of colour", "stronger compression", "weaker compression"),
    "ink": ("share of ink", "more ink", "less ink"),
    "hair": ("share of hair", "more hair", "less hair"),
    "lesion_border": ("share of the border that lesions reach", "more spots cut off", "fewer spots cut off"),
    "lesion_area": ("area of the lesion", "larger spots or closer photos", "smaller spots or farther photos"),
    "nearness": ("nearness to the training photos", "more usual photos", "more unusual photos"),
}
WIDTH, HEIGHT = 260, 90  # of a plot, in CSS pixels
STYLE = """
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem; color: #222; background: #fff; }
figure { display: inline-block; margin: 0 1rem 1rem 0; } figcaption { font-size: .85rem; max-width: 260px; }
svg { border-bottom: 1px solid #595959; border-left: 1px solid #595959; } .moved { font-weight: bold; }
"""


def drift_page(title: str, inputs: str, drifts: list[QuantityDrift], notes: Iterable[str] = ()) -> str:
    """Return the whole page. inputs: one sentence about the compared photos. notes: sentences about inputs that were left out."""
    moved = [drift for drift in drifts if drift.moved]
    few = [drift for drift in drifts if not drift.enough]
    if moved:
        items = "".join(f"<li>{escape(drift_sentence(drift))}</li>" for drift in moved)
        result = f"<p class=moved>{len(moved)} of {len(drifts)} quantities moved.</p><ul>{items}</ul>"
    elif len(few) == len(drifts):
        result = f"<p class=moved>There are too few photos to compare: {MIN_VALUES} are needed.</p>"
    else:
        result = "<p class=moved>No quantity moved by more than chance explains.</p>"
    if few and len(few) < len(drifts):
        names = ", ".join(_name(drift) for drift in few)
        result += f"<p>Known for too few photos to compare: {escape(names)}.</p>"
    left_out = "".join(f"<p>{escape(note)}</p>" for note in notes)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{STYLE}</style></head><body><h1>{escape(title)}</h1><p>{escape(inputs)}</p>{result}{left_out}"
        "<h2>Every quantity</h2><p>Share of photos at or below each value; grey and dashed: training, blue: these "
        f"photos.</p>{''.join(_svg_plot(drift) for drift in drifts if drift.count)}</body></html>\n"
    )


def drift_sentence(drift: QuantityDrift) -> str:
    """Return a sentence about the drift of one quantity, with its medians and its distance."""
    before, now = drift.medians
    change = "is spread differently" if now == before else "is higher" if now > before else "is lower"
    if drift.name in NAMES and now != before:
        change += f" ({NAMES[drift.name][1 if now > before else 2]})"
    name = _name(drift)
    return (
        f"{name[0].upper()}{name[1:]} {change}: median {before:.3g} in training, {now:.3g} in these {drift.count:,} photos; "
        f"distance {drift.distance:.2f}, at least {drift.at_least:.2f}."
    )


def _name(drift: QuantityDrift) -> str:
    return NAMES[drift.name][0] if drift.name in NAMES else f"probability of {drift.name}"


def _svg_plot(drift: QuantityDrift) -> str:
    low = min(drift.reference[0], drift.sample[0])
    high = max(drift.reference[-1], drift.sample[-1])
    lines = [
        f'<polyline fill="none" stroke="{colour}" stroke-width="2"{dashes} points="{_points(values, low, high)}"/>'
        for values, colour, dashes in (
            (drift.reference, "#595959", ' stroke-dasharray="5 3"'),
            (drift.sample, "#0072b2", ""),
        )
    ]
    label = f"{_name(drift)}: {'moved' if drift.moved else 'not moved'}, distance {drift.distance:.2f}"
    return (
        f'<figure><svg role="img" aria-label="{escape(label)}" width="{WIDTH}" height="{HEIGHT}">{"".join(lines)}</svg>'
        f"<figcaption>{escape(label)}; {low:.3g} to {high:.3g}, {drift.count:,} photos</figcaption></figure>"
    )


def _points(values: NDArray[np.float64], low: float, high: float) -> str:
    across = (values - low) / (high - low if high > low else 1) * WIDTH
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(across, (1 - QUANTILE_LEVELS) * HEIGHT, strict=True))
