"""Requests a second, times and processor time: each contender in turn, and all again, so that all have the same weather."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.contenders import EMPTY, FIELD, OTHER_SERVERS, OURS, Contender
from benchmarks.load import load
from benchmarks.photos import KINDS, SMALL, Kind, made
from benchmarks.processes import NotMeasured, Running

CLIENTS = (1, 8, 32, 128)
USUAL = 8  # clients
FEWER = (8, 32)  # for the same app behind other servers
MORE = 240.0  # seconds
WARM_UP = 20  # requests
DIFFERENT = 4  # photos of a kind
PROBABILITIES, FULL, PAGE = "probabilities", "with heat map and effect of details", "page"
FULL_FIELDS = {"explain": "heatmap,details", "age": "50", "sex": "female", "site": "back"}


@dataclass(frozen=True)
class Cell:
    """One measurement. cpu: milliseconds of processor time a request. others: requests that were not answered 200."""

    contender: str
    answer: str
    photo: str
    clients: int
    rate: float
    p50: float
    p95: float
    p99: float
    cpu: float
    others: int


@dataclass(frozen=True)
class Start:
    """Of one start. milliseconds: to the first answer. memory: megabytes, after the first requests."""

    contender: str
    milliseconds: float
    memory: float


@dataclass(frozen=True)
class Ask:
    """What is asked in a cell."""

    answer: str
    kind: Kind
    clients: int


@dataclass
class Measured:
    """cells and starts: of all rounds. absent: contenders that could not be measured, and why."""

    cells: list[Cell]
    starts: list[Start]
    absent: dict[str, str]
    rounds: int = 0

    def as_json(self) -> dict[str, object]:
        return {
            "cells": [asdict(one) for one in self.cells],
            "starts": [asdict(one) for one in self.starts],
            "absent": self.absent,
            "rounds": self.rounds,
        }


def asks_of(contender: Contender) -> Iterator[Ask]:
    """The cells of a contender."""
    counts = CLIENTS if contender in FIELD else FEWER if contender in OTHER_SERVERS else (USUAL,)
    yield from (Ask(PROBABILITIES, SMALL, clients) for clients in counts)
    if contender in FIELD:
        yield from (Ask(PROBABILITIES, kind, USUAL) for kind in KINDS if kind is not SMALL)
    if contender.name == OURS:
        yield Ask(FULL, SMALL, USUAL)
        yield Ask(PAGE, SMALL, USUAL)


def measure(
    rounds: int, seconds: float, latest: float, folder: Path, everybody: Sequence[Contender]
) -> Measured:
    """So many rounds, but no new one after `latest` (of time.monotonic), and one begun is broken off MORE later.

    seconds: of each cell. folder: for logs.
    """
    photos = {kind.name: made(kind, DIFFERENT) for kind in KINDS}
    found = Measured([], [], {})
    while found.rounds < rounds and (found.rounds == 0 or time.monotonic() < latest):
        for contender in everybody:
            if contender.name in found.absent or (found.rounds and time.monotonic() > latest + MORE):
                continue
            print(f"round {found.rounds + 1}: {contender.name}", flush=True)
            try:
                _one(contender, photos, seconds, folder / "server.log", found)
            except NotMeasured as error:
                found.absent[contender.name] = str(error)
        found.rounds += 1
    return found


def _one(
    contender: Contender, photos: dict[str, list[bytes]], seconds: float, log: Path, found: Measured
) -> None:
    first = contender.request(SMALL, photos[SMALL.name][0])
    with contender.running(first, log) as server:
        load(server.url, [first], USUAL, count=WARM_UP)
        found.starts.append(Start(contender.name, server.started, server.memory()))
        for ask in asks_of(contender):
            found.cells.append(cell(contender, server, ask, photos[ask.kind.name], seconds))


def cell(contender: Contender, server: Running, ask: Ask, photos: list[bytes], seconds: float) -> Cell:
    """One measurement."""
    fields = FULL_FIELDS if ask.answer == FULL else {}
    requests = [contender.request(ask.kind, data, **fields) for data in photos]
    if ask.answer == PAGE:
        requests = [one.replace(b"POST /api/v1/predictions ", b"POST / ", 1) for one in requests]
    before = server.cpu()
    seen = load(server.url, requests, ask.clients, seconds=seconds)
    spent = server.cpu() - before
    count = sum(seen.statuses.values())
    return Cell(
        contender.name,
        ask.answer,
        ask.kind.name,
        ask.clients,
        seen.rate,
        *(seen.percentile(share) for share in (0.5, 0.95, 0.99)),
        1000 * spent / count,
        count - len(seen.milliseconds),
    )


EVERYBODY = (*FIELD, *OTHER_SERVERS, EMPTY)
