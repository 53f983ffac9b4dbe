"""Compute the cost of a million photos a day and of an archive of a hundred million photos, from the cost of one photo.

python -m benchmarks.scale             # write the tables of docs/scale.md again, from docs/scale.json
python -m benchmarks.scale --measure   # first measure one photo on this machine, without and with a cluster

The prices are assumptions. Set your own with --core-hour, --gigabyte-month and --million-reads.
"""

import argparse
import json
import math
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from itertools import islice
from pathlib import Path
from statistics import mean
from threading import Event, Thread
from typing import Any

import psutil

from benchmarks.contenders import BUNDLE
from benchmarks.photos import LARGE, SMALL, PhotoKind, make_photos
from data_modelling.card.markdown import render_markdown
from data_modelling.card.model_card import update_markdown_block
from data_modelling.inference.batch.cluster_predictions import ClusterRows
from data_modelling.inference.batch.photo_folder import RowOptions, RowSource, predict_rows, scan_photo_folder
from data_modelling.inference.batch.ray_cluster import connect_to_ray
from data_modelling.inference.bundle import load_bundle
from data_modelling.inference.details import Details
from data_modelling.inference.diagnoses import prediction_columns
from data_modelling.inference.predictor import Predictor
from tools.serving import ROOT

PAGE, FIGURES = ROOT / "docs" / "scale.md", ROOT / "docs" / "scale.json"
TEMPLATE = Path(__file__).with_name("templates") / "scale.md.jinja"
DAY = 86_400  # seconds
MEGABIT = 125_000  # bytes
PHOTOS_A_DAY, ARCHIVE = 1_000_000, 100_000_000
PEAK = 4  # photos in the busiest hour, divided by the mean of all hours
BUSY = 0.5  # share of a server's cores that may be busy in the busiest hour, to keep waiting times short
PROCESS_MB = 65  # memory of an app process; docs/operate.md says about 60
ROW_BYTES = 330  # a photo's rows in the three csv files of `predict`, for seven classes
NAME_BYTES = 250  # bytes for each photo in the driver (the process that hands out a cluster's work)
PART = 2_000_000  # photos in a part of the archive; one driver holds the names of a part in 500 MB
DISTINCT_PHOTOS = 8
METER_SECONDS = 0.5  # time between two readings of the processor time


class CpuMeter:
    """Add up the processor time of this process and of all processes that it started, also of those that have ended.

    When a worker of the cluster ends, no parent process gets its time. So the meter reads each process again and again.
    """

    def __init__(self) -> None:
        self._seconds: dict[tuple[int, float], float] = {}
        self._stop = Event()
        self._thread = Thread(target=self._read_always, daemon=True)
        self._thread.start()

    def _read_always(self) -> None:
        while not self._stop.wait(METER_SECONDS):
            self._read()

    def _read(self) -> None:
        me = psutil.Process()
        for process in [me, *me.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                self._seconds[process.pid, process.create_time()] = times.user + times.system

    def seconds(self) -> float:
        """Return the seconds of processor time up to now."""
        self._read()
        return sum(list(self._seconds.values()))

    def close(self) -> None:
        """Stop reading."""
        self._stop.set()
        self._thread.join()


def photo_folder(folder: Path, kind: PhotoKind, count: int) -> Path:
    """Return a new folder of `count` links to DISTINCT_PHOTOS photos of a kind."""
    originals, images = folder / f"{kind.name} originals", folder / kind.name
    images.mkdir()
    originals.mkdir()
    for number, data in enumerate(make_photos(kind, DISTINCT_PHOTOS)):
        (originals / f"{number}.jpg").write_bytes(data)
    for number in range(count):
        (images / f"{number:06d}.jpg").symlink_to(originals / f"{number % DISTINCT_PHOTOS}.jpg")
    return images


def marginal_cost(source: RowSource, images: Path, counts: tuple[int, int]) -> tuple[float, float, float]:
    """Return three processor times: of a photo (ms), of the start (s), and of the cluster's driver for a photo (ms).

    source: the function that predicts the photos. counts: the numbers of photos of two runs. The difference between
    the runs gives the time of a photo; the rest of the first run is the start.
    """
    predictor = Predictor(load_bundle(BUNDLE))
    options, folder = RowOptions(prediction_columns(predictor.bundle.task)), scan_photo_folder(images)
    costs, meter = [], CpuMeter()
    for count in counts:
        before, driver = meter.seconds(), time.process_time()
        photos = ((stem, file, Details()) for stem, file in islice(folder.photos(), count))
        rows = sum(1 for _ in source(predictor, photos, options))
        assert rows == count  # nosec B101  # a missing row would make a photo seem cheaper
        costs.append((meter.seconds() - before, time.process_time() - driver))
    meter.close()
    photos_more = counts[1] - counts[0]
    cpu, driver_cpu = ((second - first) / photos_more for first, second in zip(*costs, strict=True))
    return 1000 * cpu, costs[0][0] - counts[0] * cpu, 1000 * driver_cpu


def measure(counts: tuple[int, int]) -> dict[str, Any]:
    """Return the cost of a small and a large photo without a cluster, and of a small photo on a local cluster.

    counts: see marginal_cost. The result has these keys. photos: for each kind, cpu (milliseconds of processor time in
    `predict`) and size (bytes of the file). start: seconds of processor time before the first photo. cluster_cpu,
    cluster_start: cpu and start for small photos on the cluster. driver_cpu: milliseconds of its driver for each photo.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        small = photo_folder(folder, SMALL, counts[1])
        cpu, start, _ = marginal_cost(predict_rows, small, counts)
        few = (counts[0] // 10, counts[1] // 10)
        large = photo_folder(folder, LARGE, few[1])
        large_cpu, _, _ = marginal_cost(predict_rows, large, few)
        ray = stack.enter_context(connect_to_ray(None))
        cluster_cpu, cluster_start, driver_cpu = marginal_cost(ClusterRows(ray), small, counts)
        sizes = [mean(path.stat().st_size for path in images.iterdir()) for images in (small, large)]
    photos = [
        {"photo": kind.name, "cpu": cost, "size": round(size)}
        for kind, cost, size in zip((SMALL, LARGE), (cpu, large_cpu), sizes, strict=True)
    ]
    cluster = {"cluster_cpu": cluster_cpu, "cluster_start": cluster_start, "driver_cpu": driver_cpu}
    return {"photos": photos, **cluster, "start": start}


def arithmetic(
    figures: Mapping[str, Any], core_hour: float, gigabyte_month: float, million_reads: float
) -> str:
    """Return the tables of docs/scale.md. figures: from `measure`. The other arguments are prices in dollars."""
    small = figures["photos"][0]
    rate = PEAK * PHOTOS_A_DAY / DAY
    columns = []
    for photo in figures["photos"]:
        cores = rate * photo["cpu"] / 1000 / BUSY
        whole = max(2, math.ceil(cores))
        hours = ARCHIVE * (photo["cpu"] + figures["cluster_cpu"] - small["cpu"]) / 1000 / 3600
        gigabytes = ARCHIVE * photo["size"] / 1e9
        numbers = {
            "kilobytes": photo["size"] / 1000,
            "rate": rate,
            "cores": cores,
            "whole": whole,
            "memory": PROCESS_MB * whole,
            "network": rate * photo["size"] / MEGABIT,
            "month": whole * 730 * core_hour,
            "hours": hours,
            "archive_cores": hours / 24,
            "drivers": ARCHIVE * figures["driver_cpu"] / 1000 / DAY,
            "parts": ARCHIVE // PART,
            "part_memory": PART * NAME_BYTES / 1e6,
            "archive_network": 8 * gigabytes / DAY,
            "terabytes": gigabytes / 1000,
            "csv": ARCHIVE * ROW_BYTES / 1e9,
            "once": hours * core_hour,
            "reads": ARCHIVE / 1e6 * million_reads,
            "kept": gigabytes * gigabyte_month,
        }
        columns.append(photo | numbers)
    context = {**figures, "peak": PEAK, "busy": BUSY, "photos_a_day": PHOTOS_A_DAY, "archive": ARCHIVE}
    return render_markdown(TEMPLATE, None, columns=columns, small=small, **context).strip()


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__.splitlines()[0])
    parser.add_argument("--measure", action="store_true", help="measure first (some minutes)")
    parser.add_argument("--core-hour", type=float, default=0.04, help="dollars (default: %(default)s)")
    parser.add_argument("--gigabyte-month", type=float, default=0.023, help="dollars (default: %(default)s)")
    parser.add_argument("--million-reads", type=float, default=0.4, help="dollars (default: %(default)s)")
    options = parser.parse_args(arguments)
    if options.measure:
        FIGURES.write_text(json.dumps(measure((400, 2_400)), indent=1) + "\n")
    figures = json.loads(FIGURES.read_text())
    text = arithmetic(figures, options.core_hour, options.gigabyte_month, options.million_reads)
    update_markdown_block(PAGE, "arithmetic", text)
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
