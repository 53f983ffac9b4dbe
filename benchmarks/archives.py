"""`predict` over ever larger folders: links to the same few photos."""

import os
import subprocess  # nosec B404  # to start what is measured
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contenders import BUNDLE
from benchmarks.photos import SMALL, made
from benchmarks.processes import status_megabytes
from tools.serving import ROOT

# The shorter ones are run again after the others: of one run alone the machine's weather would be the larger part.
SIZES = (100, 1_000, 10_000, 1_000, 100_000, 1_000, 10_000, 1_000, 100)
DIFFERENT = 8  # photos
LOOK_SECONDS = 0.05  # between two looks at the memory


@dataclass(frozen=True)
class Archive:
    """cpu: milliseconds of processor time a photo. memory: megabytes, the most that were held. seconds: in all."""

    photos: int
    cpu: float
    memory: float
    seconds: float


def archives(sizes: tuple[int, ...], latest: float, folder: Path) -> list[Archive]:
    """One run a size, of which some may come again; none that would be likely to end after `latest` (of time.monotonic)."""
    originals = folder / "originals"
    originals.mkdir()
    for number, data in enumerate(made(SMALL, DIFFERENT)):
        (originals / f"{number}.jpg").write_bytes(data)
    found: list[Archive] = []
    for size in sizes:
        if found and time.monotonic() + 1.3 * found[-1].seconds * size / found[-1].photos > latest:
            continue
        print(f"predict: {size:,} photos", flush=True)
        images = folder / f"images {size}"
        if not images.exists():
            images.mkdir()
            for number in range(size):
                (images / f"{number:06d}.jpg").symlink_to(originals / f"{number % DIFFERENT}.jpg")
        found.append(_run(images, size, folder / f"p {len(found)}.csv"))
    return found


def _run(images: Path, size: int, out: Path) -> Archive:
    command = [
        sys.executable,
        "-m",
        "data_modelling.predict",
        "--bundle",
        str(BUNDLE),
        "--images",
        str(images),
    ]
    begun = time.perf_counter()
    process = subprocess.Popen(  # nosec B603  # our own command
        [*command, "--out", str(out)], cwd=ROOT, stderr=subprocess.DEVNULL
    )
    memory = 0.0
    while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        memory = max(memory, status_megabytes(process.pid, "VmHWM"))
        time.sleep(LOOK_SECONDS)
    seconds = time.perf_counter() - begun
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"predict ended with status {process.returncode}")
    return Archive(size, 1000 * (used.ru_utime + used.ru_stime) / size, memory, seconds)
