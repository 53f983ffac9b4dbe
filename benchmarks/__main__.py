"""Measure the app against others: `make bench`, or `python -m benchmarks [--quick] [--out docs]`.

It takes at most about 30 minutes (--quick: 2) and writes benchmarks.md, .png and .json.
"""

import argparse
import datetime as dt
import json
import os
import platform
import subprocess  # nosec B404  # to run one's training apart
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.archives import SIZES, archives
from benchmarks.contenders import BUNDLE, CALL, OTHER_SERVERS, SKLESION, Contender, version_of
from benchmarks.parts import parts
from benchmarks.processes import NotMeasured
from benchmarks.report import markdown, plot
from benchmarks.rows import EVERYBODY, measure
from benchmarks.trouble import long_run, trouble
from data_modelling.inference.bundle import load_bundle
from tools.serving import ROOT

PACKAGES = ("flask", "waitress", "onnxruntime", "pillow", "numpy", "keras", "tensorflow-cpu")


@dataclass(frozen=True)
class Plan:
    """seconds: of each cell. minutes: after which no further round is begun, the long run ends, and no archive is
    likely to end. turns: of training in each way; 0 leaves it out.
    """

    rounds: int
    seconds: float
    minutes: tuple[float, float, float]
    loops: int
    requests: tuple[int, ...]
    sizes: tuple[int, ...]
    left_out: tuple[str, ...] = ()
    turns: int = 0


WHOLE = Plan(3, 2.0, (7.0, 14.0, 26.0), 5, (200, 10_000, 50_000), SIZES, turns=3)
# Without what needs an environment of its own.
QUICK = Plan(
    1, 0.4, (1.0, 1.5, 2.0), 1, (50, 200), (20, 100), (SKLESION, CALL, *(one.name for one in OTHER_SERVERS))
)


def main(arguments: list[str] | None = None) -> int:
    """Measure and write; the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure the app against others."
    )
    parser.add_argument(
        "--quick", action="store_true", help="a short look, without sklesion and other servers"
    )
    parser.add_argument("--out", type=Path, help="folder to write to (docs; with --quick .cache)")
    options = parser.parse_args(arguments)
    if not Path("/proc/self/smaps_rollup").exists():
        print("The benchmarks need Linux, which tells what processes hold and cost.", file=sys.stderr)
        return 2
    out: Path = options.out or ROOT / (".cache" if options.quick else "docs")
    out.mkdir(parents=True, exist_ok=True)
    found = measured(QUICK if options.quick else WHOLE)
    (out / "benchmarks.json").write_text(json.dumps(found, indent=1) + "\n")
    (out / "benchmarks.md").write_text(markdown(found))
    plot(found, out / "benchmarks.png")
    print(f"written: {out / 'benchmarks.md'}")
    return 0


def measured(plan: Plan) -> dict[str, Any]:
    """All that the document says."""
    begun = time.monotonic()
    facts, bundle = machine(), bundle_facts(BUNDLE)
    rounds, run, end = (begun + 60 * minutes for minutes in plan.minutes)
    everybody = [one for one in EVERYBODY if one.name not in plan.left_out]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = measure(plan.rounds, plan.seconds, rounds, folder, everybody)
        found = {
            **rows.as_json(),
            "parts": parts(BUNDLE, plan.loops),
            "trouble": trouble(plan.seconds, folder),
            "long_run": long_run(plan.requests, run, folder),
            "archives": [asdict(one) for one in archives(plan.sizes, end, folder)],
            "training": training_speed(plan.turns, folder),
        }
    facts["minutes"] = (time.monotonic() - begun) / 60
    return {"machine": facts, "bundle": bundle, "versions": versions(everybody), **found}


def training_speed(turns: int, folder: Path) -> dict[str, Any]:
    """What benchmarks.training finds, in a process of its own; else why it was not measured."""
    if not turns:
        return {"absent": "the short look leaves it out"}
    print("training", flush=True)
    command = [sys.executable, "-m", "benchmarks.training", "--turns", str(turns)]
    files = ["--json", str(folder / "training.json"), "--out", str(folder / "training.md")]
    done = subprocess.run(  # nosec B603  # our own command
        [*command, *files],
        cwd=ROOT,
        check=False,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    if done.returncode:
        return {"absent": (done.stderr.strip().splitlines() or ["no reason was given"])[-1]}
    found: dict[str, Any] = json.loads((folder / "training.json").read_text())
    return found


def machine() -> dict[str, Any]:
    """Where and when it was measured."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "processor": models[0] if models else platform.machine(),
        "cores": os.cpu_count() or 1,
        "memory_gb": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9,
        "system": f"{platform.system()} {platform.release()}",
        "load": os.getloadavg()[0],
    }


def bundle_facts(folder: Path) -> dict[str, Any]:
    """Which bundle was measured; edge: pixels of the square photo that its network sees."""
    bundle = load_bundle(folder)
    return {"name": bundle.name, "version": bundle.version, "edge": bundle.metadata["edge"]}


def versions(everybody: list[Contender]) -> dict[str, str]:
    """Of Python and the packages, those of environments of their own too."""
    found = {"Python": platform.python_version(), **{name: version(name) for name in PACKAGES}}
    own = {"sklesion": ("sklesion", "tensorflow"), "gunicorn": ("gunicorn",), "granian": ("granian",)}
    for word, names in own.items():
        contender = next((one for one in everybody if word in one.name and one.environment), None)
        for name in names if contender else ():
            try:
                found[name if name == word else f"{word}'s {name}"] = version_of(contender, name)
            except NotMeasured:
                continue
    return found


if __name__ == "__main__":
    sys.exit(main())
