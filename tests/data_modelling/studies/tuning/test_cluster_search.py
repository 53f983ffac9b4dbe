"""A search on a Ray cluster, whose workers are killed."""

import json
import os
import signal
import threading
import time
from collections import Counter
from functools import partial
from pathlib import Path

import pandas as pd
from msgspec import structs

from data_modelling.inference.batch.ray_cluster import connect_to_ray
from data_modelling.pipeline.run_data import DataFolders
from data_modelling.settings import read_settings
from data_modelling.studies.tuning import search
from data_modelling.studies.tuning.cluster_search import search_on_cluster
from data_modelling.studies.tuning.trials_table import FAILURE
from tests.conftest import PROJECT
from tests.ray_nodes import processes, run_nodes

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
    smoke = read_settings(PROJECT / "data_modelling" / "configs" / "smoke.toml")
    base = structs.replace(smoke, generated_lesions=120, figure_folds=(0, 1))
    killed: list[int] = []
    killer = threading.Thread(target=kill_a_worker_in_a_trial, args=(tmp_path, killed))
    with run_nodes(2) as nodes, connect_to_ray(nodes.address) as ray:
        killer.start()
        search.run_search(
            base,
            DataFolders(None, Path("none")),
            tmp_path,
            "random",
            TRIALS,
            epochs=2,
            resume=False,
            run_trials=partial(search_on_cluster, ray=ray, workers=WORKERS),
        )
    killer.join()
    assert killed
    table = pd.read_csv(tmp_path / search.TRIALS_FILE, dtype={"trial": str})
    assert Counter(table["trial"].astype(int)) == Counter(range(TRIALS))
    # The seed draws one network that is larger than allowed, which counts as chance; no trial failed with its worker.
    assert [text.partition(":")[0] for text in table[FAILURE].dropna()] == ["OversizedNetworkError"]
    oracle = json.loads((tmp_path / "random" / "oracle.json").read_text())
    assert sorted(map(int, oracle["end_order"])) == list(range(TRIALS))
    assert (oracle["ongoing_trials"], oracle["retry_queue"]) == ({}, [])
