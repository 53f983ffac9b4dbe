"""Measure each compared server once a round: requests per second, answer times, processor time and memory."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.contenders import EMPTY_ENDPOINT, OURS, Contender, MeasuredServer, MeasurementError
from benchmarks.load_generator import run_load
from benchmarks.photos import KINDS, SMALL, PhotoKind, make_photos

CLIENTS = (1, 8, 32, 128)
USUAL_CLIENTS = 8
OVERTIME_SECONDS = 240.0
WARM_UP = 20  # requests
DISTINCT_PHOTOS = 4  # different photos of each kind
PROBABILITIES, FULL_ANSWER, PAGE = "probabilities", "with heat map and effect of details", "page"
FULL_FIELDS = {"explain": "heatmap,details", "age": "50", "sex": "female", "site": "back"}

RequestKind = tuple[str, PhotoKind, int]  # name of the answer, kind of photo, number of clients


def request_kinds(contender: Contender) -> Iterator[RequestKind]:
    """Yield the kinds of requests that are measured for a contender."""
    if contender is EMPTY_ENDPOINT:
        yield PROBABILITIES, SMALL, USUAL_CLIENTS
        return
    yield from ((PROBABILITIES, SMALL, clients) for clients in CLIENTS)
    yield from ((PROBABILITIES, kind, USUAL_CLIENTS) for kind in KINDS if kind is not SMALL)
    if contender is OURS:
        yield from ((answer, SMALL, USUAL_CLIENTS) for answer in (FULL_ANSWER, PAGE))


def measure_contenders(
    rounds: int, seconds: float, latest: float, folder: Path, contenders: Sequence[Contender]
) -> dict[str, Any]:
    """Return four things: the measured cells, the starts of servers, the absent contenders and the number of rounds.

    cells: see measure_cell. starts: milliseconds to the first answer, and megabytes after the first requests. absent:
    why a contender (a compared server) cannot be measured, by name. The first round is always complete. A further round
    starts only before `latest` (a time of time.monotonic). In this round, no contender starts after `latest` +
    OVERTIME_SECONDS. seconds: how long a cell is measured. folder: where the servers' logs are written.
    """
    photos = {kind: make_photos(kind, DISTINCT_PHOTOS) for kind in KINDS}
    result: dict[str, Any] = {"cells": [], "starts": [], "absent": {}, "rounds": 0}
    while result["rounds"] < rounds and (result["rounds"] == 0 or time.monotonic() < latest):
        for contender in contenders:
            is_late = result["rounds"] and time.monotonic() > latest + OVERTIME_SECONDS
            if is_late or contender.name in result["absent"]:
                continue
            print(f"round {result['rounds'] + 1}: {contender.name}", flush=True)
            first = contender.request(SMALL, photos[SMALL][0])
            try:
                with contender.running(first, folder / "server.log") as server:
                    run_load(server.url, [first], USUAL_CLIENTS, count=WARM_UP)
                    start = {"milliseconds": server.started, "memory": server.memory()}
                    result["starts"].append({"contender": contender.name, **start})
                    result["cells"] += [
                        measure_cell(contender, server, kind, photos[kind[1]], seconds)
                        for kind in request_kinds(contender)
                    ]
            except MeasurementError as error:
                result["absent"][contender.name] = str(error)
        result["rounds"] += 1
    return result


def measure_cell(
    contender: Contender, server: MeasuredServer, kind: RequestKind, photos: list[bytes], seconds: float
) -> dict[str, Any]:
    """Measure one kind of request to one contender for some seconds; return the results, called a cell.

    Keys of the cell. rate: requests per second that were answered with status 200. p50, p95, p99: percentiles of their
    answer times (ms). cpu: milliseconds of processor time for each request. others: number of requests with another
    status or no answer. memory: megabytes of all processes after the cell.
    """
    answer, photo, clients = kind
    fields = FULL_FIELDS if answer == FULL_ANSWER else {}
    requests = [contender.request(photo, data, **fields) for data in photos]
    if answer == PAGE:
        requests = [request.replace(b"POST /api/v1/predictions ", b"POST / ", 1) for request in requests]
    cpu_before = server.cpu()
    load = run_load(server.url, requests, clients, seconds=seconds)
    return {
        "contender": contender.name,
        "answer": answer,
        "photo": photo.name,
        "clients": clients,
        "rate": load.rate,
        **{f"p{percent}": load.percentile(percent / 100) for percent in (50, 95, 99)},
        "cpu": 1000 * (server.cpu() - cpu_before) / load.statuses.total(),
        "others": load.lost,
        "memory": server.memory(),
    }
