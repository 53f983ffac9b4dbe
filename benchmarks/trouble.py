"""Our server in trouble: killed, overrun, held up, replaced while it answers; and after very many requests."""

import os
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.contenders import FIELD
from benchmarks.load import load
from benchmarks.photos import LARGE, SMALL, made
from benchmarks.processes import PROC, Running, status_megabytes, until_answered
from benchmarks.rows import USUAL

HELD = 60  # connections of each kind that only hold up
BURST = 200  # clients at once, more than wait and are answered
LARGE_REQUESTS = 20

Figures = dict[str, float]


def trouble(seconds: float, folder: Path) -> Figures:
    """All but the long run. seconds: of each load."""
    ours = FIELD[0]
    small = [ours.request(SMALL, data) for data in made(SMALL, 4)]
    large = [ours.request(LARGE, made(LARGE)[0])]
    with ours.running(small[0], folder / "trouble.log") as server:
        load(server.url, small, USUAL, count=50)
        found = _large(server, large)
        found |= _held(server, small, seconds)
        found |= _burst(server, small[0])
        found |= _killed(server, small[0])
        found |= _replaced(server, small, seconds)
    return found


def _large(server: Running, large: list[bytes]) -> Figures:
    """What large photos need, one after another."""
    workers = server.workers
    idle = sum(status_megabytes(one, "VmRSS") for one in workers)
    for worker in workers:
        (PROC / str(worker) / "clear_refs").write_text("5")  # the highest mark is taken anew
    before = server.cpu()
    load(server.url, large, 1, count=LARGE_REQUESTS)
    return {
        "large_cpu": 1000 * (server.cpu() - before) / LARGE_REQUESTS,
        "large_memory": sum(status_megabytes(one, "VmHWM") for one in workers) - idle,
    }


def _held(server: Running, small: list[bytes], seconds: float) -> Figures:
    """Others' times beside half-open connections and bodies that do not arrive."""
    without = load(server.url, small, USUAL, seconds=seconds)
    address = (urlsplit(server.url).hostname, urlsplit(server.url).port)
    held = [socket.create_connection(address) for _ in range(2 * HELD)]
    for connection in held[:HELD]:
        connection.sendall(b"POST /api/v1/predictions HTTP/1.1\r\nHost:")
    for connection in held[HELD:]:
        connection.sendall(small[0][:-100])
    beside = load(server.url, small, USUAL, seconds=seconds)
    for connection in held:
        connection.close()
    return {
        "held_p50_without": without.percentile(0.5),
        "held_p50": beside.percentile(0.5),
        "held_p99_without": without.percentile(0.99),
        "held_p99": beside.percentile(0.99),
        "held_lost": sum(beside.statuses.values()) - beside.statuses[200],
    }


def _burst(server: Running, request: bytes) -> Figures:
    """Far more at once than can be answered soon."""
    seen = load(server.url, [request], BURST, count=BURST)
    refused = sorted(seen.refused)
    return {
        "burst_clients": BURST,
        "burst_answered": seen.statuses[200],
        "burst_refused": len(refused),
        "burst_refused_median": refused[len(refused) // 2] if refused else float("nan"),
        "burst_refused_longest": refused[-1] if refused else float("nan"),
        "burst_lost": BURST - seen.statuses[200] - len(refused),
    }


def _killed(server: Running, request: bytes) -> Figures:
    """Milliseconds from kill -9 of all processes that answer to the next answer, and connections lost before it."""
    for worker in server.workers:
        os.kill(worker, signal.SIGKILL)
    begun = time.perf_counter()
    lost = until_answered(server.url, request)
    return {"restart": 1000 * (time.perf_counter() - begun), "restart_lost": lost}


def _replaced(server: Running, small: list[bytes], seconds: float) -> Figures:
    """Requests that are lost while a new server takes over, and processes of the old one that are still there then.

    Without the latter, a server that takes no notice of SIGHUP would lose nothing either.
    """
    before = server.workers
    with ThreadPoolExecutor(1) as pool:
        loading = pool.submit(load, server.url, small, USUAL, seconds + 3)
        time.sleep(0.5)
        server.process.send_signal(signal.SIGHUP)
        seen = loading.result()
    count = sum(seen.statuses.values())
    return {
        "replaced_requests": count,
        "replaced_lost": count - seen.statuses[200],
        "replaced_workers": len(before),
        "replaced_stayed": len(set(before) & set(server.workers)),
    }


def long_run(counts: tuple[int, ...], latest: float, folder: Path) -> dict[str, dict[str, float]]:
    """Memory, threads and open files after so many requests, or as many as are answered by `latest`."""
    ours = FIELD[0]
    small = [ours.request(SMALL, data) for data in made(SMALL, 4)]
    found: dict[str, dict[str, float]] = {}
    with ours.running(small[0], folder / "long.log") as server:
        done = 0
        for count in counts:
            print(f"long run: {count:,} requests", flush=True)
            seen = load(server.url, small, USUAL, max(latest - time.monotonic(), 1), count - done)
            done += sum(seen.statuses.values())
            workers = [PROC / str(one) for one in server.workers]
            found[str(done)] = {
                "memory": server.memory(),
                "threads": sum(len(list((one / "task").iterdir())) for one in workers),
                "files": sum(len(list((one / "fd").iterdir())) for one in workers),
                "lost": sum(seen.statuses.values()) - seen.statuses[200],
            }
            if done < count:
                break
    return found
