"""Measure our server in trouble: killed, overloaded, blocked, replaced while it answers; and after very many requests."""

import os
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.contenders import CONTENDERS
from benchmarks.load_generator import run_load
from benchmarks.measurement import USUAL_CLIENTS
from benchmarks.photos import LARGE, SMALL, make_photos
from benchmarks.processes import PROC, MeasuredServer, status_megabytes, wait_for_answer

HELD_CONNECTIONS = 60  # of each kind
BURST_REQUESTS = 200  # clients at once, more than the server queues
LARGE_REQUESTS = 20

Metrics = dict[str, float]


def measure_resilience(seconds: float, folder: Path) -> Metrics:
    """Measure all troubles except the long run.

    seconds: of each load.
    """
    ours = CONTENDERS[0]
    small = [ours.request(SMALL, data) for data in make_photos(SMALL, 4)]
    large = [ours.request(LARGE, make_photos(LARGE)[0])]
    with ours.running(small[0], folder / "trouble.log") as server:
        run_load(server.url, small, USUAL_CLIENTS, count=50)
        metrics = _measure_large_photos(server, large)
        metrics |= measure_held_connections(server, small, seconds)
        metrics |= measure_burst(server, small[0])
        metrics |= _measure_kill(server, small[0])
        metrics |= measure_replacement(server, small, seconds)
    return metrics


def _measure_large_photos(server: MeasuredServer, large: list[bytes]) -> Metrics:
    """Measure the cost of large photos, one after another."""
    workers = server.workers
    idle = sum(status_megabytes(worker, "VmRSS") for worker in workers)
    for worker in workers:
        (PROC / str(worker) / "clear_refs").write_text("5")  # resets the peak
    cpu_before = server.cpu()
    run_load(server.url, large, 1, count=LARGE_REQUESTS)
    return {
        "large_cpu": 1000 * (server.cpu() - cpu_before) / LARGE_REQUESTS,
        "large_memory": sum(status_megabytes(worker, "VmHWM") for worker in workers) - idle,
    }


def measure_held_connections(server: MeasuredServer, small: list[bytes], seconds: float) -> Metrics:
    """Measure the times of other clients during half-open connections and bodies that do not arrive."""
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
        "held_lost": sum(during.statuses.values()) - during.statuses[200],
    }


def measure_burst(server: MeasuredServer, request: bytes) -> Metrics:
    """Send far more requests at once than can be answered soon."""
    load = run_load(server.url, [request], BURST_REQUESTS, count=BURST_REQUESTS)
    refused = sorted(load.refused)
    return {
        "burst_clients": BURST_REQUESTS,
        "burst_answered": load.statuses[200],
        "burst_refused": len(refused),
        "burst_refused_median": refused[len(refused) // 2] if refused else float("nan"),
        "burst_refused_longest": refused[-1] if refused else float("nan"),
        "burst_lost": BURST_REQUESTS - load.statuses[200] - len(refused),
    }


def _measure_kill(server: MeasuredServer, request: bytes) -> Metrics:
    """Measure the milliseconds from kill -9 of all workers to the next answer, and the connections lost before it."""
    for worker in server.workers:
        os.kill(worker, signal.SIGKILL)
    started = time.perf_counter()
    lost = wait_for_answer(server.url, request)
    return {"restart": 1000 * (time.perf_counter() - started), "restart_lost": lost}


def measure_replacement(server: MeasuredServer, small: list[bytes], seconds: float) -> Metrics:
    """Count the requests that are lost while a new server takes over, and the old processes that remain.

    The old processes count because a server that ignores SIGHUP would lose no request either.
    """
    old_workers = server.workers
    with ThreadPoolExecutor(1) as pool:
        loading = pool.submit(run_load, server.url, small, USUAL_CLIENTS, seconds + 3)
        time.sleep(0.5)
        server.process.send_signal(signal.SIGHUP)
        load = loading.result()
    count = sum(load.statuses.values())
    return {
        "replaced_requests": count,
        "replaced_lost": count - load.statuses[200],
        "replaced_workers": len(old_workers),
        "replaced_stayed": len(set(old_workers) & set(server.workers)),
    }


def measure_long_run(counts: tuple[int, ...], latest: float, folder: Path) -> dict[str, dict[str, float]]:
    """Measure memory, threads and open files after so many requests, or after fewer if the time `latest` comes first."""
    ours = CONTENDERS[0]
    small = [ours.request(SMALL, data) for data in make_photos(SMALL, 4)]
    metrics: dict[str, dict[str, float]] = {}
    with ours.running(small[0], folder / "long.log") as server:
        done = 0
        for count in counts:
            print(f"long run: {count:,} requests", flush=True)
            load = run_load(server.url, small, USUAL_CLIENTS, max(latest - time.monotonic(), 1), count - done)
            done += sum(load.statuses.values())
            workers = [PROC / str(worker) for worker in server.workers]
            metrics[str(done)] = {
                "memory": server.memory(),
                "threads": sum(len(list((worker / "task").iterdir())) for worker in workers),
                "files": sum(len(list((worker / "fd").iterdir())) for worker in workers),
                "lost": sum(load.statuses.values()) - load.statuses[200],
            }
            if done < count:
                break
    return metrics
