"""The page of `monitor`: what moved, in sentences, with a small drawing a quantity. One file, no script."""

from collections.abc import Iterable
from html import escape

import numpy as np
from numpy.typing import NDArray

from data_modelling.inference.drift import FEWEST, SHARES, Moved

# What a quantity is called, and what it means that it is higher, or lower.
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
WIDTH, HEIGHT = 260, 90  # of a drawing, in CSS pixels
STYLE = """
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem; color: #222; background: #fff; }
figure { display: inline-block; margin: 0 1rem 1rem 0; } figcaption { font-size: .85rem; max-width: 260px; }
svg { border-bottom: 1px solid #595959; border-left: 1px solid #595959; } .moved { font-weight: bold; }
"""


def page(title: str, inputs: str, found: list[Moved], notes: Iterable[str] = ()) -> str:
    """The whole page. inputs: what was compared, in a sentence. notes: sentences about what was left out."""
    moved = [one for one in found if one.moved]
    few = [one for one in found if not one.enough]
    if moved:
        said = "".join(f"<li>{escape(sentence(one))}</li>" for one in moved)
        result = f"<p class=moved>{len(moved)} of {len(found)} quantities moved.</p><ul>{said}</ul>"
    elif len(few) == len(found):
        result = f"<p class=moved>Too few photos to say anything: {FEWEST} are needed.</p>"
    else:
        result = "<p class=moved>Nothing moved by more than chance explains.</p>"
    if few and len(few) < len(found):
        names = ", ".join(_name(one) for one in few)
        result += f"<p>Of too few photos known to say anything: {escape(names)}.</p>"
    left_out = "".join(f"<p>{escape(note)}</p>" for note in notes)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{STYLE}</style></head><body><h1>{escape(title)}</h1><p>{escape(inputs)}</p>{result}{left_out}"
        "<h2>Every quantity</h2><p>Share of photos at or below each value; grey and dashed: training, blue: these "
        f"photos.</p>{''.join(_figure(one) for one in found if one.count)}</body></html>\n"
    )


def sentence(one: Moved) -> str:
    """What one quantity did, with its medians and its distance."""
    before, now = one.medians
    what = "is spread differently" if now == before else "is higher" if now > before else "is lower"
    if one.name in NAMES and now != before:
        what += f" ({NAMES[one.name][1 if now > before else 2]})"
    name = _name(one)
    return (
        f"{name[0].upper()}{name[1:]} {what}: median {before:.3g} in training, {now:.3g} in these {one.count:,} photos; "
        f"distance {one.distance:.2f}, at least {one.at_least:.2f}."
    )


def _name(one: Moved) -> str:
    return NAMES[one.name][0] if one.name in NAMES else f"probability of {one.name}"


def _figure(one: Moved) -> str:
    low = min(one.reference[0], one.sample[0])
    high = max(one.reference[-1], one.sample[-1])
    lines = [
        f'<polyline fill="none" stroke="{colour}" stroke-width="2"{dashes} points="{_points(values, low, high)}"/>'
        for values, colour, dashes in (
            (one.reference, "#595959", ' stroke-dasharray="5 3"'),
            (one.sample, "#0072b2", ""),
        )
    ]
    label = f"{_name(one)}: {'moved' if one.moved else 'not moved'}, distance {one.distance:.2f}"
    return (
        f'<figure><svg role="img" aria-label="{escape(label)}" width="{WIDTH}" height="{HEIGHT}">{"".join(lines)}</svg>'
        f"<figcaption>{escape(label)}; {low:.3g} to {high:.3g}, {one.count:,} photos</figcaption></figure>"
    )


def _points(values: NDArray[np.float64], low: float, high: float) -> str:
    across = (values - low) / (high - low if high > low else 1) * WIDTH
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(across, (1 - SHARES) * HEIGHT, strict=True))
