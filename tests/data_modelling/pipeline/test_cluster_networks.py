"""A run whose networks are trained on a Ray cluster, one of whose workers is killed."""

import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from data_modelling import train
from data_modelling.inference.bundle import load_bundle
from data_modelling.training.checkpoint import load_progress
from tests.conftest import PROJECT, train_command
from tests.ray_nodes import cluster_command, processes, run_command, run_nodes

PATIENCE = 1_500  # seconds; one minute is enough where nothing else runs


def kill_a_worker_in_a_training(work: Path, seen: list[int]) -> None:
    """Kill a worker as soon as a network has a checkpoint and is not finished; note the checkpoint's epochs."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and not seen:
        begun = [
            path for path in work.glob("*/checkpoint.npz") if not path.with_name("network.keras").exists()
        ]
        workers = processes("ray::_train_network")
        if begun and len(workers) == 1:
            os.kill(workers[0].pid, signal.SIGKILL)
            seen.append(len(load_progress(begun[0]).history))
        time.sleep(0.1)


def test_a_run_ends_with_a_complete_bundle_though_a_worker_is_killed(tmp_path: Path) -> None:
    out, config = tmp_path / "smoke", tmp_path / "smoke.toml"
    smoke = (PROJECT / "data_modelling" / "configs" / "smoke.toml").read_text()
    config.write_text(
        smoke.replace("generated_lesions = 220", "generated_lesions = 120").replace(
            "epochs = 6", "epochs = 3"
        )
    )
    seen: list[int] = []
    killer = threading.Thread(target=kill_a_worker_in_a_training, args=(tmp_path / "smoke.work", seen))
    with run_nodes(1) as nodes:
        killer.start()
        options = ["--config", config, "--out", out, "--fold", "0"]
        done = run_command(cluster_command(nodes, "train", *options), PATIENCE)
        killer.join()
    assert done.returncode == 0, done.stderr
    assert seen
    assert load_bundle(out).name == "smoke"
    assert json.loads((out / "metrics.json").read_text())
    work = tmp_path / "smoke.work"
    assert {path.parent.name for path in work.glob("*/network.keras")} == {"fold0", "served"}


def test_a_bundle_that_exists_is_not_trained_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = train_command(tmp_path, "--engine", "ray")[3:]
    assert train.main(options) == 2
    assert capsys.readouterr().err == f"{tmp_path} exists; choose another --out or move it away.\n"
