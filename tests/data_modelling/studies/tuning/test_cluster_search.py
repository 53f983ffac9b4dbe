"""A search on a Ray cluster, whose workers are killed."""

import os
import signal
import threading
import time
from collections import Counter
from pathlib import Path

import pandas as pd

from data_modelling.studies.tuning import search
from data_modelling.studies.tuning.tuners import FAILURE
from tests.conftest import PROJECT
from tests.ray_nodes import cluster_command, processes, run_command, run_nodes

TRIALS, WORKERS = 4, 3
PATIENCE = 1_500  # seconds until a worker must have begun a trial


def kill_a_worker_in_a_trial(folder: Path, killed: list[int]) -> None:
    """Kill a worker that trains, as soon as a trial has a checkpoint and no result."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and not killed:
        begun = [path.parent for path in folder.glob("random/trial_*/*.npz")]
        workers = processes("ray::_run_trial")
        if workers and any(not (trial / "result.json").exists() for trial in begun):
            os.kill(workers[0].pid, signal.SIGKILL)
            killed.append(workers[0].pid)
        time.sleep(0.1)


def test_a_search_ends_with_all_trials_though_a_worker_is_killed(tmp_path: Path) -> None:
    smoke = (PROJECT / "data_modelling" / "configs" / "smoke.toml").read_text()
    config = tmp_path / "smoke.toml"
    config.write_text(
        smoke.replace("generated_lesions = 220", "generated_lesions = 120\nfigure_folds = [0, 1]")
    )
    out, killed = tmp_path / "search", list[int]()
    killer = threading.Thread(target=kill_a_worker_in_a_trial, args=(out, killed))
    options = ["--config", config, "--out", out, "--tuner", "random", "--epochs", "2"]
    counts = ["--trials", str(TRIALS), "--workers", str(WORKERS)]
    with run_nodes(2) as nodes:
        killer.start()
        done = run_command(cluster_command(nodes, "search", *options, *counts), PATIENCE)
    assert done.returncode == 0, done.stderr
    killer.join()
    assert killed
    table = pd.read_csv(out / search.TRIALS_FILE, dtype={"trial": str})
    assert Counter(table["trial"].astype(int)) == Counter(range(TRIALS))
    # The seed draws one network that is larger than allowed, which counts as chance; no trial failed with its worker.
    assert [text.partition(":")[0] for text in table[FAILURE].dropna()] == ["OversizedNetworkError"]
