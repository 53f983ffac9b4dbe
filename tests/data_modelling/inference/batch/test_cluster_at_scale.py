"""Five thousand photos on two nodes of one core: what a photo costs, and what is left after a node and a driver died."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.photos import SMALL
from benchmarks.scale import marginal_cost, photo_folder
from data_modelling.inference.batch.cluster_predictions import ClusterRows
from data_modelling.inference.batch.csv_results import batch_work_folder
from data_modelling.inference.batch.photo_folder import predict_rows
from data_modelling.inference.batch.ray_cluster import connect_to_ray
from tests.conftest import PROJECT
from tests.ray_nodes import run_nodes

pytestmark = pytest.mark.slow
PHOTOS, FEW = 5_000, 500
LARGEST_RATIO = 1.15  # of the processor time of a photo on the cluster over that without it
PATIENCE = 3_600  # seconds


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return photo_folder(tmp_path_factory.mktemp("scale"), SMALL, PHOTOS)


def test_a_photo_costs_hardly_more_than_without_a_cluster(images: Path) -> None:
    plain, plain_start, _ = marginal_cost(predict_rows, images, (FEW, PHOTOS))
    with run_nodes(2) as nodes, connect_to_ray(nodes.address) as ray:
        cost, start, driver = marginal_cost(ClusterRows(ray), images, (FEW, PHOTOS))
    print(
        f"{plain:.2f} ms a photo and {plain_start:.1f} s to start; on the cluster {cost:.2f} ms and {start:.1f} s"
    )
    print(f"ratio {cost / plain:.3f}; the driver has {driver:.2f} ms of each photo")
    assert cost / plain <= LARGEST_RATIO


def test_the_files_are_the_same_after_a_node_and_the_driver_died(images: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "data_modelling.predict", "--images", str(images)]
    command += ["--bundle", str(PROJECT / "DATA" / "models" / "ham10000")]
    plain, clustered = tmp_path / "plain.csv", tmp_path / "ray.csv"
    subprocess.run([*command, "--out", str(plain)], cwd=PROJECT, check=True)
    with run_nodes(2) as nodes:
        command += ["--out", str(clustered), "--engine", "ray", "--address", nodes.address]
        with subprocess.Popen(command, cwd=PROJECT) as driver:
            wait_for_photos(driver, clustered, PHOTOS // 3)
            driver.kill()
        with subprocess.Popen(command, cwd=PROJECT) as driver:
            wait_for_photos(driver, clustered, PHOTOS // 2)
            nodes.kill_one()
        assert driver.returncode == 0
    for kind in (".csv", ".answers.csv", ".errors.csv"):
        assert clustered.with_suffix(kind).read_bytes() == plain.with_suffix(kind).read_bytes()


def wait_for_photos(driver: subprocess.Popen[bytes], out: Path, count: int) -> None:
    """Wait until the run has noted so many photos."""
    note, until = batch_work_folder(out) / "note.json", time.monotonic() + PATIENCE
    while not (note.exists() and json.loads(note.read_text())["photos"] >= count):
        assert driver.poll() is None
        assert time.monotonic() < until
        time.sleep(0.1)
    print(note.read_text())
