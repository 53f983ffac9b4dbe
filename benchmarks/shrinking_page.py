"""Write docs/shrinking.md from the compared answers; no number in it is typed by hand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from statistics import median

from benchmarks.compared_statuses import Comparison
from benchmarks.photos import CAMERA_QUALITY
from benchmarks.report import format_table
from data_modelling.inference.bundle import Bundle
from data_modelling.inference.status import STATUSES

MOST_CHANGED = 0.01  # of the photos, with another status
MOST_BYTES = 200_000  # of a sent photo
INTRODUCTION = """Written by `python -m benchmarks.shrunk_photos`; [shrinking.csv](shrinking.csv) has one row for each photo. The photos are
of HAM10000 and ISIC 2017, half of each and none of a locked test, drawn at random. The stored photos are small squares,
which the page sends unchanged. So each was made a camera file: its sides mirrored to 4:3, enlarged to one of the sizes
below in turn, with the grain of a sensor, as a JPEG of quality {quality}. Headless Chromium opened the form with the file, and
the page's own script made of it what it sends. The predictor answered both without details, as photos taken through a
dermatoscope. {date}, bundle {name} {version}.
"""
STAND_IN = """This bundle has no threshold for the all-clear, so the app gives it to nobody. Here the cancer threshold stands in. That
is the hardest case: nothing lies between concern and all-clear.
"""


def shrinking_page(rows: Sequence[Comparison], bundle: Bundle) -> str:
    """Return the whole page. bundle: which answered."""
    introduction = INTRODUCTION.format(
        quality=CAMERA_QUALITY,
        date=dt.datetime.now(dt.UTC).date(),
        name=bundle.name,
        version=bundle.version,
    )
    sections = [
        "# Photos as the browser sends them\n",
        introduction,
        *([STAND_IN] if "clear" not in bundle.metadata["thresholds"] else []),
        result_table(rows),
        "## Status of the whole file and of what is sent\n",
        _status_table(rows),
        "## By the size of the file\n",
        _size_table(rows),
    ]
    return "\n".join(sections)


def result_table(rows: Sequence[Comparison]) -> str:
    """Return for each goal of the design what was measured, and whether it is reached."""
    changed, reassured = sum(row.has_changed for row in rows), sum(row.is_reassured for row in rows)
    largest = max(row.sent_bytes for row in rows)
    goals = [
        ("photos", "500", f"{len(rows)}", len(rows) >= 500),
        (
            "photos with another status",
            f"at most {MOST_CHANGED:.0%}",
            f"{changed} ({changed / len(rows):.1%})",
            changed <= MOST_CHANGED * len(rows),
        ),
        ("photos whose concern became the all-clear", "0", f"{reassured}", reassured == 0),
        ("largest sent photo, bytes", f"at most {MOST_BYTES:,}", f"{largest:,}", largest <= MOST_BYTES),
    ]
    lines = [(name, wanted, value, "yes" if ok else "**no**") for name, wanted, value, ok in goals]
    return format_table(("", "wanted", "measured", "reached"), lines)


def _status_table(rows: Sequence[Comparison]) -> str:
    pairs = [(row.whole_status, row.sent_status) for row in rows]
    lines = [(f"`{whole}`", *(pairs.count((whole, sent)) for sent in STATUSES)) for whole in STATUSES]
    return format_table(("whole file, sent →", *(f"`{status}`" for status in STATUSES)), lines)


def _size_table(rows: Sequence[Comparison]) -> str:
    lines = []
    for width, height in sorted({(row.width, row.height) for row in rows}):
        group = [row for row in rows if (row.width, row.height) == (width, height)]
        moves = [abs(row.whole_probability - row.sent_probability) for row in group]
        lines.append(
            (
                f"{width} x {height}",
                len(group),
                f"{median(row.whole_bytes for row in group) / 1000:,.0f}",
                f"{median(row.sent_bytes for row in group) / 1000:,.0f}",
                sum(row.has_changed for row in group),
                f"{median(moves):.4f}",
                f"{max(moves):.4f}",
            )
        )
    head = (
        "pixels",
        "photos",
        "whole file, kB (median)",
        "sent, kB (median)",
        "another status",
        "change of the cancer probability, median",
        "most",
    )
    return format_table(head, lines)
