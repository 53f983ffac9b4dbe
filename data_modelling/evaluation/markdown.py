"""Figures and tables as the documents write them."""

from collections.abc import Iterable, Sequence
from typing import Any

MODE_NAMES = {"photo": "photo alone", "both": "photo and details"}


def figure(value: float | None) -> str:
    """Three decimals without the zero in front; a dash for a figure that does not exist."""
    if value is None:
        return "-"
    text = f"{value:.3f}"
    return text.removeprefix("0") if value >= 0 else "-" + text.removeprefix("-0")


def interval(bounds: Sequence[float | None]) -> str:
    """`[.652, .748]`."""
    return f"[{', '.join(figure(bound) for bound in bounds)}]"


def percent(share: float) -> str:
    """A share, 0-1, as `1.6 %`."""
    return f"{100 * share:.1f} %"


def percent_interval(bounds: Sequence[float]) -> str:
    """`[1.3 %, 2.0 %]`."""
    return f"[{', '.join(map(percent, bounds))}]"


def with_interval(figures: dict[str, Any], name: str) -> str:
    """A figure and its interval, which lies under `intervals` or beside it as `<name>_interval`; else a dash."""
    if name not in figures:
        return "-"
    bounds = figures.get("intervals", {}).get(name) or figures[f"{name}_interval"]
    return f"{figure(figures[name])} {interval(bounds)}"


def signed(value: float, bounds: Sequence[float]) -> str:
    """A difference and its interval: `+0.019 [-0.007, +0.045]`."""
    return f"{value:+.3f} [{', '.join(f'{bound:+.3f}' for bound in bounds)}]"


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """The lines of a table."""
    lines = [header, ["---"] * len(header), *rows]
    return ["| " + " | ".join(str(cell) for cell in line) + " |" for line in lines]


def listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
