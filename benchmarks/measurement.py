"""Measure requests a second, times and processor time in several rounds, so that all contenders meet the same load."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.contenders import CONTENDERS, EMPTY_ENDPOINT, OURS, Contender
from benchmarks.load_generator import run_load
from benchmarks.photos import KINDS, SMALL, PhotoKind, make_photos
from benchmarks.processes import MeasuredServer, MeasurementError

CLIENTS = (1, 8, 32, 128)
USUAL_CLIENTS = 8
OVERTIME_SECONDS = 240.0
WARM_UP = 20  # requests
DISTINCT_PHOTOS = 4  # photos of a kind
PROBABILITIES, FULL_ANSWER, PAGE = "probabilities", "with heat map and effect of details", "page"
FULL_FIELDS = {"explain": "heatmap,details", "age": "50", "sex": "female", "site": "back"}


@dataclass(frozen=True)
class LoadCell:
    """Hold one measurement.

    cpu: milliseconds of processor time for each request. others: requests that were not answered 200. memory: megabytes
    of all processes after it.
    """

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
    memory: float


@dataclass(frozen=True)
class Start:
    """Hold one start.

    milliseconds: to the first answer. memory: megabytes after the first requests.
    """

    contender: str
    milliseconds: float
    memory: float


@dataclass(frozen=True)
class RequestKind:
    """Describe the requests of a cell."""

    answer: str
    photo: PhotoKind
    clients: int


@dataclass
class BenchmarkResult:
    """Hold the cells and starts of all rounds.

    absent: contenders that could not be measured, and why.
    """

    cells: list[LoadCell]
    starts: list[Start]
    absent: dict[str, str]
    rounds: int = 0

    def as_json(self) -> dict[str, object]:
        return {
            "cells": [asdict(item) for item in self.cells],
            "starts": [asdict(item) for item in self.starts],
            "absent": self.absent,
            "rounds": self.rounds,
        }


def request_kinds(contender: Contender) -> Iterator[RequestKind]:
    """Yield the cells of a contender."""
    counts = CLIENTS if contender in CONTENDERS else (USUAL_CLIENTS,)
    yield from (RequestKind(PROBABILITIES, SMALL, clients) for clients in counts)
    if contender in CONTENDERS:
        yield from (RequestKind(PROBABILITIES, kind, USUAL_CLIENTS) for kind in KINDS if kind is not SMALL)
    if contender.name == OURS:
        yield RequestKind(FULL_ANSWER, SMALL, USUAL_CLIENTS)
        yield RequestKind(PAGE, SMALL, USUAL_CLIENTS)


def measure_contenders(
    rounds: int, seconds: float, latest: float, folder: Path, contenders: Sequence[Contender]
) -> BenchmarkResult:
    """Measure all contenders in so many rounds.

    No round starts after `latest` (of time.monotonic), and a running round is stopped OVERTIME_SECONDS later. seconds: of
    each cell. folder: for logs.
    """
    photos = {kind.name: make_photos(kind, DISTINCT_PHOTOS) for kind in KINDS}
    result = BenchmarkResult([], [], {})
    while result.rounds < rounds and (result.rounds == 0 or time.monotonic() < latest):
        for contender in contenders:
            if contender.name in result.absent or (
                result.rounds and time.monotonic() > latest + OVERTIME_SECONDS
            ):
                continue
            print(f"round {result.rounds + 1}: {contender.name}", flush=True)
            try:
                _measure_contender(contender, photos, seconds, folder / "server.log", result)
            except MeasurementError as error:
                result.absent[contender.name] = str(error)
        result.rounds += 1
    return result


def _measure_contender(
    contender: Contender, photos: dict[str, list[bytes]], seconds: float, log: Path, result: BenchmarkResult
) -> None:
    first_request = contender.request(SMALL, photos[SMALL.name][0])
    with contender.running(first_request, log) as server:
        run_load(server.url, [first_request], USUAL_CLIENTS, count=WARM_UP)
        result.starts.append(Start(contender.name, server.started, server.memory()))
        for kind in request_kinds(contender):
            result.cells.append(measure_cell(contender, server, kind, photos[kind.photo.name], seconds))


def measure_cell(
    contender: Contender, server: MeasuredServer, kind: RequestKind, photos: list[bytes], seconds: float
) -> LoadCell:
    """Measure one cell."""
    fields = FULL_FIELDS if kind.answer == FULL_ANSWER else {}
    requests = [contender.request(kind.photo, data, **fields) for data in photos]
    if kind.answer == PAGE:
        requests = [request.replace(b"POST /api/v1/predictions ", b"POST / ", 1) for request in requests]
    cpu_before = server.cpu()
    load = run_load(server.url, requests, kind.clients, seconds=seconds)
    cpu_seconds = server.cpu() - cpu_before
    count = sum(load.statuses.values())
    return LoadCell(
        contender=contender.name,
        answer=kind.answer,
        photo=kind.photo.name,
        clients=kind.clients,
        rate=load.rate,
        p50=load.percentile(0.5),
        p95=load.percentile(0.95),
        p99=load.percentile(0.99),
        cpu=1000 * cpu_seconds / count,
        others=count - len(load.milliseconds),
        memory=server.memory(),
    )


ALL_CONTENDERS = (*CONTENDERS, EMPTY_ENDPOINT)
