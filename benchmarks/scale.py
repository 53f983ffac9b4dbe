"""Compute the cost of a million photos a day and of an archive of a hundred million from the cost of one photo.

python -m benchmarks.scale             # compute again, from docs/scale.json into docs/scale.md
python -m benchmarks.scale --measure   # first measure one photo on this machine, without and with a cluster

The prices are assumptions; --core-hour, --gigabyte-month and --million-reads put yours in their place.
"""

import argparse
import json
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from threading import Event, Thread
from typing import Any

import psutil

from benchmarks.contenders import BUNDLE
from benchmarks.photos import LARGE, SMALL, PhotoKind, make_photos
from data_modelling.inference.batch.cluster_predictions import ClusterRows
from data_modelling.inference.batch.photo_folder import RowOptions, RowSource, predict_rows, scan_photo_folder
from data_modelling.inference.batch.ray_cluster import connect_to_ray
from data_modelling.inference.bundle import load_bundle
from data_modelling.inference.diagnoses import prediction_columns
from data_modelling.inference.predictor import Predictor
from tools.serving import ROOT

PAGE, FIGURES = ROOT / "docs" / "scale.md", ROOT / "docs" / "scale.json"
BLOCK = re.compile(r"(<!-- arithmetic -->\n).*?(<!-- /arithmetic -->)", re.DOTALL)
DAY = 86_400  # seconds
MEGABIT = 125_000  # bytes
PHOTOS_A_DAY, ARCHIVE = 1_000_000, 100_000_000
PEAK = 4  # the busiest hour over the mean of the day
BUSY = 0.5  # share of a server's cores that may be in use then, to keep waiting times short
PROCESS_MB = 65  # of an app process, docs/operate.md
ROW_BYTES = 330  # of a photo in the three csv files of seven classes
NAME_BYTES = 250  # that the driver of a cluster holds for each photo of its part
PART = 2_000_000  # photos of a part of the archive: what one driver holds in 500 MB
DISTINCT_PHOTOS = 8
METER_SECONDS = 0.5  # between two readings of the processor time


@dataclass(frozen=True)
class Cost:
    """The cost of one photo. cpu: milliseconds of processor time in `predict`. size: bytes of the file."""

    photo: str
    cpu: float
    size: int


@dataclass(frozen=True)
class Figures:
    """The measured values. start: seconds of processor time before the first photo. driver: milliseconds for each photo."""

    photos: list[Cost]
    cluster_cpu: float
    cluster_start: float
    driver_cpu: float
    start: float


@dataclass(frozen=True)
class Prices:
    """Hold assumed prices, in dollars."""

    core_hour: float
    gigabyte_month: float
    million_reads: float


class CpuMeter:
    """Adds up the processor time of this process and all below it, also of those that ended since the meter was made.

    The time of Ray's workers is not added to a parent, so each process is read repeatedly while it runs.
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
        """Return the processor time up to now."""
        self._read()
        return sum(list(self._seconds.values()))

    def close(self) -> None:
        """Stop reading."""
        self._stop.set()
        self._thread.join()


def photo_folder(folder: Path, kind: PhotoKind, count: int) -> Path:
    """Return a new folder of links to a few photos of a kind."""
    originals, images = folder / f"{kind.name} originals", folder / f"{kind.name} {count}"
    images.mkdir()
    if not originals.exists():
        originals.mkdir()
        for number, data in enumerate(make_photos(kind, DISTINCT_PHOTOS)):
            (originals / f"{number}.jpg").write_bytes(data)
    for number in range(count):
        (images / f"{number:06d}.jpg").symlink_to(originals / f"{number % DISTINCT_PHOTOS}.jpg")
    return images


def marginal_cost(source: RowSource, images: Path, counts: tuple[int, int]) -> tuple[float, float, float]:
    """Return the milliseconds of processor time of one more photo, the seconds of a start, and the driver's milliseconds.

    counts: of two runs; their common cost is the start.
    """
    predictor = Predictor(load_bundle(BUNDLE))
    options, photos = RowOptions(prediction_columns(predictor.bundle.task)), scan_photo_folder(images).paths
    costs, meter = [], CpuMeter()
    for count in counts:
        before, driver = meter.seconds(), time.process_time()
        rows = sum(1 for _ in source(predictor, islice(photos.items(), count), {}, options))
        assert rows == count  # nosec B101  # else the costs would be of something else
        costs.append((meter.seconds() - before, time.process_time() - driver))
    meter.close()
    photos_more = counts[1] - counts[0]
    cpu, driver_cpu = ((second - first) / photos_more for first, second in zip(*costs, strict=True))
    return 1000 * cpu, costs[0][0] - counts[0] * cpu, 1000 * driver_cpu


def measure(counts: tuple[int, int]) -> Figures:
    """Measure one photo of each size without a cluster, and a small one on a cluster of this machine."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        small = photo_folder(folder, SMALL, counts[1])
        cpu, start, _ = marginal_cost(predict_rows, small, counts)
        few = (counts[0] // 10, counts[1] // 10)
        large_cpu, _, _ = marginal_cost(predict_rows, photo_folder(folder, LARGE, few[1]), few)
        ray = stack.enter_context(connect_to_ray(None))
        cluster_cpu, cluster_start, driver_cpu = marginal_cost(ClusterRows(ray), small, counts)
        sizes = [_mean_size(folder / f"{kind.name} originals") for kind in (SMALL, LARGE)]
    costs = [Cost(SMALL.name, cpu, sizes[0]), Cost(LARGE.name, large_cpu, sizes[1])]
    return Figures(costs, cluster_cpu, cluster_start, driver_cpu, start)


def _mean_size(folder: Path) -> int:
    sizes = [path.stat().st_size for path in folder.iterdir()]
    return round(sum(sizes) / len(sizes))


def arithmetic(figures: Figures, prices: Prices) -> str:
    """Return the tables of docs/scale.md."""
    header = "| | " + " | ".join(cost.photo for cost in figures.photos) + " |"
    rule = "|---|" + "---|" * len(figures.photos)
    small = figures.photos[0]
    ratio = figures.cluster_cpu / small.cpu
    fed = figures.cluster_cpu / figures.driver_cpu
    sections = (
        ("Measured", _measured(figures.photos)),
        (f"{PHOTOS_A_DAY:,} photos a day, over HTTP", _daily(figures.photos, prices)),
        (f"An archive of {ARCHIVE:,} photos, in one day", _archive(figures, prices)),
    )
    tables = [
        "\n".join([f"### {title}", "", header, rule, *(_row(name, cells) for name, cells in rows), ""])
        for title, rows in sections
    ]
    notes = (
        f"On a cluster a photo of {small.photo} costs {figures.cluster_cpu:.1f} ms, {ratio:.2f} times as much, and the start "
        f"{figures.cluster_start:.0f} s instead of {figures.start:.1f} s of processor time. The driver, which hands out the "
        f"photos and writes the rows, has {figures.driver_cpu:.2f} ms of each photo: one driver keeps at most {fed:,.0f} cores "
        "busy.\n"
    )
    return "\n".join([*tables, notes])


def _row(name: str, cells: Sequence[str]) -> str:
    return f"| {name} | {' | '.join(cells)} |"


def _measured(costs: Sequence[Cost]) -> Iterator[tuple[str, list[str]]]:
    yield "processor time of a photo, ms", [f"{cost.cpu:.1f}" for cost in costs]
    yield "file, kB", [f"{cost.size / 1000:,.0f}" for cost in costs]


def _daily(costs: Sequence[Cost], prices: Prices) -> Iterator[tuple[str, list[str]]]:
    rate = PEAK * PHOTOS_A_DAY / DAY
    cores = [rate * cost.cpu / 1000 / BUSY for cost in costs]
    whole = [max(2, -int(-count // 1)) for count in cores]
    yield f"requests/s in the busiest hour ({PEAK} times the mean)", [f"{rate:.0f}"] * len(costs)
    yield f"cores, {100 * BUSY:.0f} % busy then", [f"{count:.1f}" for count in cores]
    yield "cores to have, on two machines", [f"{count}" for count in whole]
    yield "memory of the app's processes, MB", [f"{PROCESS_MB * count:,}" for count in whole]
    yield "network in, Mbit/s", [f"{rate * cost.size / MEGABIT:,.0f}" for cost in costs]
    yield "disk: nothing is kept", ["0"] * len(costs)
    yield "Valkey, commands/s", [f"{rate:.0f}"] * len(costs)
    yield "cores a month, $", [f"{count * 730 * prices.core_hour:,.0f}" for count in whole]


def _archive(figures: Figures, prices: Prices) -> Iterator[tuple[str, list[str]]]:
    costs, overhead = figures.photos, figures.cluster_cpu - figures.photos[0].cpu
    hours = [ARCHIVE * (cost.cpu + overhead) / 1000 / 3600 for cost in costs]
    gigabytes = [ARCHIVE * cost.size / 1e9 for cost in costs]
    drivers = ARCHIVE * figures.driver_cpu / 1000 / DAY
    yield "core hours, with the cluster's share", [f"{count:,.0f}" for count in hours]
    yield "cores for one day", [f"{count / 24:,.0f}" for count in hours]
    yield "drivers that are busy for that day", [f"{drivers:.1f}"] * len(costs)
    yield "parts (`--shard`) of at most 2 million photos", [f"{ARCHIVE // PART}"] * len(costs)
    yield "memory of a driver for its part, MB", [f"{PART * NAME_BYTES / 1e6:,.0f}"] * len(costs)
    yield "network, Gbit/s", [f"{8 * size / DAY:.1f}" for size in gigabytes]
    yield "photos on disk, TB", [f"{size / 1000:,.0f}" for size in gigabytes]
    yield "csv files, GB", [f"{ARCHIVE * ROW_BYTES / 1e9:.0f}"] * len(costs)
    yield "cores once, $", [f"{count * prices.core_hour:,.0f}" for count in hours]
    yield "reads of the bucket once, $", [f"{ARCHIVE / 1e6 * prices.million_reads:,.0f}"] * len(costs)
    yield "keeping the photos a month, $", [f"{size * prices.gigabyte_month:,.0f}" for size in gigabytes]


def read_figures() -> Figures:
    """Return the values measured last."""
    saved: dict[str, Any] = json.loads(FIGURES.read_text())
    return Figures(**saved | {"photos": [Cost(**cost) for cost in saved["photos"]]})


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__.splitlines()[0])
    parser.add_argument("--measure", action="store_true", help="measure first (some minutes)")
    parser.add_argument("--core-hour", type=float, default=0.04, help="dollars (default: %(default)s)")
    parser.add_argument("--gigabyte-month", type=float, default=0.023, help="dollars (default: %(default)s)")
    parser.add_argument("--million-reads", type=float, default=0.4, help="dollars (default: %(default)s)")
    options = parser.parse_args(arguments)
    if options.measure:
        FIGURES.write_text(json.dumps(asdict(measure((400, 2_400))), indent=1) + "\n")
    prices = Prices(options.core_hour, options.gigabyte_month, options.million_reads)
    block = arithmetic(read_figures(), prices)
    PAGE.write_text(BLOCK.sub(lambda match: f"{match[1]}{block}{match[2]}", PAGE.read_text()))
    print(block)
    return 0


if __name__ == "__main__":
    sys.exit(main())
