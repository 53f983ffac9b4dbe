"""Compare the app with other servers: `make bench`, or `python -m benchmarks [--quick] [--out docs]`.

The command takes at most about 15 minutes (--quick: 2) and writes benchmarks.md, .png and .json.
"""

import argparse
import datetime as dt
import json
import os
import platform
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.answer_costs import measure_answer_costs, measure_frame_costs
from benchmarks.contenders import BUNDLE, CONTENDERS, Contender
from benchmarks.measurement import measure_contenders
from benchmarks.report import benchmark_page, draw_plot
from benchmarks.resilience import measure_long_run, measure_resilience
from data_modelling.inference.bundle import load_bundle
from data_modelling.inference.cpu_cores import usable_cores
from tools.serving import ROOT

PACKAGES = ("flask", "gunicorn", "waitress", "onnxruntime", "pillow", "numpy", "keras", "tensorflow-cpu")


class Plan(NamedTuple):
    """Hold how much is measured. A cell measures one kind of request to one contender (a compared server) in one round.

    rounds: how often each contender is measured. seconds: the duration of a cell, and of each half of
    resilience.measure_held_connections. minutes: two limits, counted from the start. After the first, no new round
    starts; at the second, the long run ends. loops: how often each part of an answer is measured (see answer_costs).
    requests: the long run (see resilience) measures our server after each of these numbers of requests.
    """

    rounds: int
    seconds: float
    minutes: tuple[float, float]
    loops: int
    requests: tuple[int, ...]
    contenders: tuple[Contender, ...] = CONTENDERS


FULL_PLAN = Plan(3, 2.0, (7.0, 14.0), 5, (200, 10_000))
QUICK_PLAN = Plan(1, 0.4, (1.0, 1.5), 1, (50, 200))


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="measure less, in about 2 minutes")
    parser.add_argument("--out", type=Path, help="folder to write to (default: docs, or .cache with --quick)")
    options = parser.parse_args(arguments)
    if not Path("/proc/self/smaps_rollup").exists():
        print("The benchmarks need Linux, to read memory and processor time.", file=sys.stderr)
        return 2
    out: Path = options.out or ROOT / (".cache" if options.quick else "docs")
    out.mkdir(parents=True, exist_ok=True)
    plan = QUICK_PLAN if options.quick else FULL_PLAN
    measurements = measure_all(plan)
    (out / "benchmarks.json").write_text(json.dumps(measurements, indent=1) + "\n")
    (out / "benchmarks.md").write_text(benchmark_page(measurements))
    draw_plot(measurements, out / "benchmarks.png")
    print(f"written: {out / 'benchmarks.md'}")
    return 0


def measure_all(plan: Plan) -> dict[str, Any]:
    """Return all measurements, and facts about the machine, the bundle and the packages."""
    started = time.monotonic()
    facts = machine_facts()
    rounds_end, run_end = (started + 60 * minutes for minutes in plan.minutes)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        measurements = {
            **measure_contenders(plan.rounds, plan.seconds, rounds_end, folder, plan.contenders),
            "parts": measure_answer_costs(BUNDLE, plan.loops, folder),
            "frames": measure_frame_costs(BUNDLE, plan.loops),
            "trouble": measure_resilience(plan.seconds, folder),
            "long_run": measure_long_run(plan.requests, run_end, folder),
        }
    versions = {"Python": platform.python_version(), **{name: version(name) for name in PACKAGES}}
    facts["minutes"] = (time.monotonic() - started) / 60
    return {"machine": facts, "bundle": bundle_facts(BUNDLE), "versions": versions, **measurements}


def machine_facts() -> dict[str, Any]:
    """Return facts about the machine, and today's date."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "processor": models[0] if models else platform.machine(),
        "cores": usable_cores(),
        "memory_gb": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9,
        "system": f"{platform.system()} {platform.release()}",
        "load": os.getloadavg()[0],
    }


def bundle_facts(folder: Path) -> dict[str, Any]:
    """Return name and version of the measured bundle, and the width (pixels) of the photos that its network sees."""
    bundle = load_bundle(folder)
    return {"name": bundle.name, "version": bundle.version, "edge": bundle.metadata["edge"]}


if __name__ == "__main__":
    sys.exit(main())
