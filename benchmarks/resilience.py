"""Measure our server when it is blocked, overloaded or killed, and after very many requests."""

import socket
import time
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

from benchmarks.contenders import OURS, MeasuredServer, wait_for_answer
from benchmarks.load_generator import run_load
from benchmarks.measurement import USUAL_CLIENTS
from benchmarks.photos import SMALL, make_photos

HELD_CONNECTIONS = 60  # connections that send part of a request's head; as many others send part of the body
BURST_REQUESTS = 200  # requests sent at the same time by as many clients, more than the server can queue

Metrics = dict[str, float]


def measure_resilience(seconds: float, folder: Path) -> Metrics:
    """Block, overload and kill our server, and return the results. seconds: see measure_held_connections."""
    small = [OURS.request(SMALL, data) for data in make_photos(SMALL, 4)]
    with OURS.running(small[0], folder / "trouble.log") as server:
        run_load(server.url, small, USUAL_CLIENTS, count=50)
        return {
            **measure_held_connections(server, small, seconds),
            **measure_burst(server, small[0]),
            **measure_kill(server, small[0]),
        }


def measure_held_connections(server: MeasuredServer, small: list[bytes], seconds: float) -> Metrics:
    """Measure our answer times for `seconds`, and again for `seconds` beside connections whose requests never end."""
    without = run_load(server.url, small, USUAL_CLIENTS, seconds=seconds)
    address = (urlsplit(server.url).hostname, urlsplit(server.url).port)
    held = [socket.create_connection(address) for _ in range(2 * HELD_CONNECTIONS)]
    for connection in held[:HELD_CONNECTIONS]:
        connection.sendall(b"POST /api/v1/predictions HTTP/1.1\r\nHost:")
    for connection in held[HELD_CONNECTIONS:]:
        connection.sendall(small[0][:-100])
    during = run_load(server.url, small, USUAL_CLIENTS, seconds=seconds)
    for connection in held:
        connection.close()
    return {
        "held_p50_without": without.percentile(0.5),
        "held_p50": during.percentile(0.5),
        "held_p99_without": without.percentile(0.99),
        "held_p99": during.percentile(0.99),
        "held_lost": during.lost,
    }


def measure_burst(server: MeasuredServer, request: bytes) -> Metrics:
    """Measure a burst of more requests than the server queues; requests that get 503 are not in `burst_lost`."""
    load = run_load(server.url, [request], BURST_REQUESTS, count=BURST_REQUESTS)
    return {
        "burst_clients": BURST_REQUESTS,
        "burst_answered": load.statuses[200],
        "burst_refused": load.statuses[503],
        "burst_refused_median": median(load.refused or [float("nan")]),
        "burst_refused_longest": max(load.refused, default=float("nan")),
        "burst_longest": max(load.milliseconds + load.refused, default=float("nan")),
        "burst_lost": load.lost - load.statuses[503],
    }


def measure_kill(server: MeasuredServer, request: bytes) -> Metrics:
    """Measure the milliseconds from kill -9 of all workers to the next answer, and the requests lost in this time."""
    for worker in server.workers:
        worker.kill()
    started = time.perf_counter()
    lost = wait_for_answer(server.url, request)
    return {"restart": 1000 * (time.perf_counter() - started), "restart_lost": lost}


def measure_long_run(counts: tuple[int, ...], latest: float, folder: Path) -> dict[str, Metrics]:
    """Measure memory, threads and open files at each request count of `counts`; stop at `latest` (time.monotonic)."""
    small = [OURS.request(SMALL, data) for data in make_photos(SMALL, 4)]
    metrics: dict[str, Metrics] = {}
    with OURS.running(small[0], folder / "long.log") as server:
        done = 0
        for count in counts:
            print(f"long run: {count:,} requests", flush=True)
            load = run_load(server.url, small, USUAL_CLIENTS, max(latest - time.monotonic(), 1), count - done)
            done += load.statuses.total()
            metrics[str(done)] = {
                "memory": server.memory(),
                "threads": sum(worker.num_threads() for worker in server.workers),
                "files": sum(worker.num_fds() for worker in server.workers),
                "lost": load.lost,
            }
            if done < count:
                break
    return metrics
