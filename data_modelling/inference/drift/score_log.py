"""Writes and reads the score log, in which the command `monitor` looks for drift (changes) of the app's answers.

The score log is a csv with a line for each answer, without details, address or time of day. Its columns are `day`, the
probability of each class (named by its code) and `nearness` (of the photo to the training photos; empty if not known).
"""

import csv
import datetime as dt
import logging
import math
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from data_modelling.inference.drift.comparison import DriftSample
from data_modelling.inference.errors import InputError

DAY, NEARNESS = "day", "nearness"
DIGITS = 6  # decimals of every number

log = logging.getLogger(__name__)


def column_names(codes: Sequence[str]) -> list[str]:
    """Return the names of the columns for these class codes."""
    return [DAY, *codes, NEARNESS]


class ScoreLog:
    """A file to which several threads and processes add lines.

    Every line is one write at the end of the file. If a line cannot be written, the line is lost, but the app still
    gives the answer. Of several losses in a row, only the first is reported in the program's log.
    """

    def __init__(self, path: Path, codes: Sequence[str]) -> None:
        self._path = path
        self._codes = tuple(codes)
        self._lock = threading.Lock()
        self._failing = False

    def append(self, probabilities: Mapping[str, float], nearness: float | None = None) -> None:
        """Add a photo's probabilities (by class code) and its nearness, under today's date (UTC)."""
        values = [f"{probabilities[code]:.{DIGITS}f}" for code in self._codes]
        known = "" if nearness is None else f"{nearness:.{DIGITS}f}"
        line = ",".join([dt.datetime.now(dt.UTC).date().isoformat(), *values, known])
        with self._lock:
            try:
                self._write(line)
                self._failing = False
            except OSError as error:
                if not self._failing:
                    log.warning("%s cannot be written, so scores are lost: %s", self._path, error.strerror)
                self._failing = True

    def _write(self, line: str) -> None:
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            if os.fstat(file).st_size == 0:
                line = f"{','.join(column_names(self._codes))}\n{line}"
            os.write(file, f"{line}\n".encode())
        finally:
            os.close(file)


def read_score_log(path: Path, codes: Sequence[str]) -> DriftSample:
    """Return the answers in a score log as a sample: each class's probability, and the nearness (NaN if not known).

    Lines that are not complete, for example truncated by a full disk, are left out. Raises InputError if the file is no
    score log of the classes `codes`, or if it has no answer yet.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{path} cannot be read as a score log; give the file of the setting SCORE_LOG."
        ) from error
    if not rows or rows[0] != column_names(codes):
        raise InputError(
            f"{path} is no score log of this bundle: its first line must be {','.join(column_names(codes))}."
        )
    # Two processes that start at once may both write the header.
    lines = [row for row in rows[1:] if row != rows[0]]
    entries = [entry for row in lines if (entry := _parse_row(row, len(codes)))]
    if not entries:
        raise InputError(f"{path} holds no answer yet.")
    days = sorted(day for day, _ in entries)
    values = dict(zip((*codes, NEARNESS), np.array([numbers for _, numbers in entries]).T, strict=True))
    broken = len(lines) - len(entries)
    title = f"{len(entries):,} answers of the app, from {days[0]} to {days[-1]}."
    return DriftSample(values, title, (f"{broken} lines of the log are not complete.",) if broken else ())


def _parse_row(row: list[str], classes: int) -> tuple[str, list[float]] | None:
    """Return the day and the numbers of a line, or None if the line is broken."""
    try:
        day = dt.date.fromisoformat(row[0]).isoformat()
        values = [float(text) for text in row[1 : classes + 1]]
        nearness = float(row[classes + 1]) if row[classes + 1] else math.nan
    except (ValueError, IndexError):
        return None
    are_valid = len(values) == classes and all(0 <= value <= 1 for value in values)
    return (day, [*values, nearness]) if are_valid and len(row) == classes + 2 else None
