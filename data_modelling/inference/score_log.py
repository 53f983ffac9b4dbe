"""The score log: what the app answered, a line a photo, without details, address or time of day.

A csv: `day`, a probability a class by its code, and `nearness` to the training photos, empty where not known.
"""

import csv
import datetime as dt
import logging
import math
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data_modelling.inference.errors import InputError

DAY, NEARNESS = "day", "nearness"
DIGITS = 6  # decimals of every number

log = logging.getLogger(__name__)


def header(codes: Sequence[str]) -> list[str]:
    """The columns for these classes."""
    return [DAY, *codes, NEARNESS]


class ScoreLog:
    """A file that lines are added to, from several threads and processes at once.

    Every line is one write at the end of the file. A line that cannot be written is lost, never an answer: the
    first loss is reported in the program's log, and again only after a line could be written.
    """

    def __init__(self, path: Path, codes: Sequence[str]) -> None:
        self._path = path
        self._codes = tuple(codes)
        self._lock = threading.Lock()
        self._failing = False

    def append(self, probabilities: Mapping[str, float], nearness: float | None = None) -> None:
        """Add a photo's probabilities by class code, under today's date (UTC)."""
        values = [f"{probabilities[code]:.{DIGITS}f}" for code in self._codes]
        known = "" if nearness is None else f"{nearness:.{DIGITS}f}"
        line = ",".join([dt.datetime.now(dt.UTC).date().isoformat(), *values, known])
        with self._lock:
            try:
                self._write(line)
                self._failing = False
            except OSError as error:
                if not self._failing:
                    log.warning("%s cannot be written, scores are lost: %s", self._path, error.strerror)
                self._failing = True

    def _write(self, line: str) -> None:
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            if os.fstat(file).st_size == 0:
                line = f"{','.join(header(self._codes))}\n{line}"
            os.write(file, f"{line}\n".encode())
        finally:
            os.close(file)


@dataclass(frozen=True)
class Scores:
    """What a log holds. days: first and last. probabilities: (N, classes). nearness: (N,), NaN if not known.
    broken: how many lines were left out, such as one that a full disk cut off.
    """

    days: tuple[str, str]
    probabilities: NDArray[np.float64]
    nearness: NDArray[np.float64]
    broken: int


def read_scores(path: Path, codes: Sequence[str]) -> Scores:
    """Read a log of a model with these classes; InputError when it is none, or empty."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{path} cannot be read as a score log; name the file that SCORE_LOG names."
        ) from error
    if not rows or rows[0] != header(codes):
        raise InputError(
            f"{path} is no score log of this bundle: its first line must be {','.join(header(codes))}."
        )
    # Two processes that start at once may both write the header.
    lines = [row for row in rows[1:] if row != rows[0]]
    whole = [parsed for row in lines if (parsed := _parsed(row, len(codes)))]
    if not whole:
        raise InputError(f"{path} holds no answer yet.")
    days = sorted(day for day, _ in whole)
    values = np.array([numbers for _, numbers in whole])
    return Scores((days[0], days[-1]), values[:, :-1], values[:, -1], len(lines) - len(whole))


def _parsed(row: list[str], classes: int) -> tuple[str, list[float]] | None:
    """Day and numbers of a line; None for one that is not whole."""
    try:
        day = dt.date.fromisoformat(row[0]).isoformat()
        values = [float(text) for text in row[1 : classes + 1]]
        nearness = float(row[classes + 1]) if row[classes + 1] else math.nan
    except (ValueError, IndexError):
        return None
    probable = len(values) == classes and all(0 <= value <= 1 for value in values)
    return (day, [*values, nearness]) if probable and len(row) == classes + 2 else None
