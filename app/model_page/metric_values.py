"""Reads numbers from metrics.json (a bundle's results in testing), gives metrics their names, and makes tables."""

import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from app.http.languages import translate as _

NAMES: dict[str, dict[str, str]] = tomllib.loads(Path(__file__).with_name("names.toml").read_text("utf-8"))
QUESTIONS = tuple(NAMES["questions"])  # "cancer" and "melanoma"; each has a threshold
# For each of these metrics, metrics.json has the interval beside the metric, under the key `interval`.
INTERVAL_METRICS = ("mean", "difference", "locked_test", "balanced_accuracy")


class UntranslatedText(str):
    """Hold a text of a bundle's files that has no translation."""

    __slots__ = ()


def in_its_language(text: str) -> str:
    """Return text for a page; text without a translation is marked as English."""
    return Markup('<span lang="en">{}</span>').format(text) if isinstance(text, UntranslatedText) else text


@dataclass(frozen=True)
class MetricValue:
    """Hold a number of metrics.json. path: the keys that lead to it, joined by "/". interval: (low, high) or None."""

    path: str
    number: float | None
    interval: tuple[float, float] | None = None


Cell = MetricValue | str
Row = tuple[Cell, ...]


@dataclass(frozen=True)
class Table:
    """Hold a table.

    name: the id of the heading. columns: the column titles; the first column has the row headers. wide: whether the
    table stays a grid on a phone (else each row becomes a card), because its columns are many and narrow.
    """

    name: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    wide: bool = False


def metric_table(
    metrics: dict[str, Any],
    name: str,
    columns: Mapping[str, str],
    rows: Mapping[Any, Row],
    cell: Callable[[dict[str, Any], str], Cell] | None = None,
) -> Table:
    """Return a table of numbers of metrics.json.

    name: the id of the heading; the part after the last "-" is the caption's key. columns: column titles by path; in a
    path, {row} stands for the key of a row. The first columns have texts; their paths have no slash. rows: the texts of
    each row, by key. cell: the function that makes a cell from `metrics` and a path; by default metric_at.
    """
    paths = [path for path in columns if "/" in path]
    cells = {key: [(cell or metric_at)(metrics, path.format(row=key)) for path in paths] for key in rows}
    caption = name_of("captions", name.rpartition("-")[2])
    return Table(name, caption, tuple(columns.values()), tuple((*rows[key], *cells[key]) for key in rows))


def metric_columns(path: str, names: Iterable[str]) -> dict[str, str]:
    """Return the argument `columns` of metric_table for the metrics `names` below a path."""
    return {f"{path}/{name}": metric_name(name) for name in names}


def name_of(kind: str, key: str) -> str:
    """Return the name of a key from NAMES[kind], or the key with spaces instead of underscores if NAMES lacks it."""
    known = NAMES[kind].get(key)
    return _(known) if known else UntranslatedText(key.replace("_", " ").capitalize())


def metric_name(key: str) -> str:
    """Return the name of a metric."""
    return name_of("metrics", key)


def value_at(metrics: Any, path: str) -> Any:
    """Return the value of metrics.json at a path of keys joined by slashes, or None where it is absent."""
    for key in path.split("/"):
        if isinstance(metrics, list) and key.isdigit() and int(key) < len(metrics):
            metrics = metrics[int(key)]
        elif isinstance(metrics, dict):
            metrics = metrics.get(key)
        else:
            return None
    return metrics


def metric_at(metrics: dict[str, Any], path: str) -> MetricValue:
    """Return the number at a path, with the interval that metrics.json has for it.

    The interval is stored beside the number as `<name>_interval`, `intervals[name]`, `interval`, or `low` and `high`.
    """
    parent, _slash, name = path.rpartition("/")
    beside = value_at(metrics, parent) or {}
    if not isinstance(beside, dict):
        return MetricValue(path, value_at(metrics, path))
    bounds = beside.get(f"{name}_interval") or beside.get("intervals", {}).get(name)
    if not bounds and name in INTERVAL_METRICS:
        bounds = beside.get("interval")
    if not bounds and name == "value":
        bounds = (beside.get("low"), beside.get("high"))
    has_interval = isinstance(bounds, (list, tuple)) and None not in bounds
    return MetricValue(path, beside.get(name), (float(bounds[0]), float(bounds[1])) if has_interval else None)


def measured_at(metrics: dict[str, Any], path: str) -> Cell:
    """Return the number at a path (stored as number or {value, low, high}), or "too few to say" if there is none."""
    value = value_at(metrics, path)
    if value is None:
        return _("too few to say")
    return metric_at(metrics, f"{path}/value" if isinstance(value, dict) else path)
