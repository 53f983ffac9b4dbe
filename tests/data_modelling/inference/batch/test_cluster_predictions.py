import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import cycle
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from data_modelling.inference.batch.cluster_predictions import BATCH, ClusterRows
from data_modelling.inference.batch.csv_results import batch_work_folder
from data_modelling.inference.batch.photo_bucket import scan_photo_bucket
from data_modelling.inference.batch.photo_folder import RowOptions, predict_folder, scan_photo_folder
from data_modelling.inference.batch.ray_cluster import connect_to_ray
from data_modelling.inference.bundle import load_bundle
from data_modelling.inference.checks import photo_checks
from data_modelling.inference.checks.photo_checks import load_origin_detector
from data_modelling.inference.details import Details
from data_modelling.inference.errors import InputError
from data_modelling.inference.predictor import Predictor
from tests.conftest import PROJECT
from tests.ray_nodes import Nodes, cluster_command, run_command, run_nodes

BUNDLE = PROJECT / "DATA" / "models" / "ham10000"
EXAMPLES = sorted((PROJECT / "app" / "static" / "examples").glob("*.jpg"))
PHOTOS = 20 * BATCH
WAIT_SECONDS = 900


@pytest.fixture(scope="module", autouse=True)
def _origin_is_detected() -> Iterator[None]:
    """Undo the changes of other tests: workers are processes of their own, which a change here does not reach."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(photo_checks, "load_origin_detector", load_origin_detector)
        yield


@pytest.fixture(autouse=True)
def _colours_have_no_origin() -> None:
    """Undo the folder's change, too."""


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    with run_nodes(2) as nodes:
        yield nodes


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor(load_bundle(BUNDLE))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder of photos, one of which does not decode and one of which has a name that is no UTF-8."""
    folder = tmp_path_factory.mktemp("photos")
    for number, example in zip(range(PHOTOS), cycle(EXAMPLES), strict=False):
        (folder / f"{number:04d}.jpg").symlink_to(example)
    (folder / "0040_broken.jpg").write_bytes(b"no photo")
    Path(os.fsdecode(bytes(folder) + b"/0050_\xff.jpg")).symlink_to(EXAMPLES[0])
    return folder


@pytest.fixture(scope="module")
def expected(folder, predictor, tmp_path_factory) -> list[bytes]:
    """The csv files without a cluster."""
    out = tmp_path_factory.mktemp("plain") / "p.csv"
    predict_folder(predictor, scan_photo_folder(folder), {}, out)
    return contents(out)


def contents(out: Path) -> list[bytes]:
    return [
        path.read_bytes() for path in (out, out.with_suffix(".answers.csv"), out.with_suffix(".errors.csv"))
    ]


def predict_command(nodes: Nodes, images: Path | str, out: Path, *options: str | Path) -> list[str]:
    return cluster_command(nodes, "predict", "--bundle", BUNDLE, "--images", images, "--out", out, *options)


def start_and_wait_for_rows(command: list[str], out: Path) -> subprocess.Popen[str]:
    """Start the command and return it when it has noted its first rows."""
    note = batch_work_folder(out) / "note.json"
    driver = subprocess.Popen(command, cwd=PROJECT, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + WAIT_SECONDS
    while not (note.exists() and json.loads(note.read_text())["photos"]):
        assert driver.poll() is None
        assert time.monotonic() < until
        time.sleep(0.05)
    return driver


def test_the_csv_files_are_the_same_though_a_node_is_killed(nodes, folder, expected, tmp_path):
    out = tmp_path / "p.csv"
    driver = start_and_wait_for_rows(predict_command(nodes, folder, out), out)
    nodes.kill_one()
    assert not out.exists(), "killed too late to show anything"
    _, stderr = driver.communicate(timeout=WAIT_SECONDS)
    nodes.add()
    assert driver.returncode == 3, stderr  # the broken photo
    assert contents(out) == expected
    assert stderr.splitlines()[-1].startswith("0040_broken: This is no JPEG")


def test_a_run_whose_driver_was_killed_is_resumed(nodes, folder, expected, tmp_path):
    out = tmp_path / "p.csv"
    command = predict_command(nodes, folder, out)
    driver = start_and_wait_for_rows(command, out)
    driver.send_signal(signal.SIGKILL)
    driver.communicate()
    assert not out.exists()
    resumed = run_command(command, WAIT_SECONDS)
    assert resumed.returncode == 3, resumed.stderr
    assert contents(out) == expected


def first_rows(address: str, folder: Path, changes: dict[str, Any]) -> None:
    """Answer photos on the cluster with a bundle that differs from that of the nodes by the changes."""
    bundle = replace(load_bundle(BUNDLE), **changes)
    photos = [(stem, file, Details()) for stem, file in scan_photo_folder(folder).photos()]
    with connect_to_ray(address) as ray:
        next(ClusterRows(ray)(SimpleNamespace(bundle=bundle, views=1), photos, RowOptions(["MEL"])))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [({"folder": Path("gone")}, "There is no bundle"), ({"sums": {}}, "another bundle")],
)
def test_a_node_without_the_bundle_is_told_in_one_sentence(changes, sentence, nodes, folder):
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        running = pool.submit(first_rows, nodes.address, folder, changes)
        with pytest.raises(InputError, match=sentence):
            running.result(WAIT_SECONDS)


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def bucket(tmp_path) -> Iterator[str]:
    """The address of an empty bucket of a server on this machine."""
    from pyarrow.fs import FileSystem

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)])
    try:
        until = time.monotonic() + WAIT_SECONDS
        while not listens(port):
            assert time.monotonic() < until
            time.sleep(0.1)
        options = f"scheme=http&endpoint_override=127.0.0.1:{port}&region=us-east-1"
        address = "s3://key:secret@archive"
        FileSystem.from_uri(f"{address}?{options}&allow_bucket_creation=true")[0].create_dir("archive")
        yield f"{address}/skin?{options}"
    finally:
        server.terminate()
        server.wait()


def test_photos_of_a_bucket(nodes, bucket, predictor, tmp_path):
    from pyarrow.fs import FileSystem

    folder = tmp_path / "photos"
    folder.mkdir()
    store, prefix = FileSystem.from_uri(bucket)
    for name, content in {
        "b.jpg": EXAMPLES[0].read_bytes(),
        "a.jpg": EXAMPLES[1].read_bytes(),
        "broken.png": b"no photo",
        "notes.txt": b"left alone",
        "._b.jpg": b"left alone, as macOS hides it",
    }.items():
        (folder / name).write_bytes(content)
        with store.open_output_stream(f"{prefix}/{name}") as stream:
            stream.write(content)
    (tmp_path / "details.csv").write_text("image,age,sex,site\nb,80,male,\n")
    details = {"b": Details(age=80, sex="male")}
    plain, clustered = tmp_path / "plain.csv", tmp_path / "ray.csv"
    predict_folder(predictor, scan_photo_folder(folder), details, plain)
    photos = scan_photo_bucket(bucket)
    assert photos.other == ("._b.jpg", "notes.txt")
    command = predict_command(nodes, bucket, clustered, "--details", tmp_path / "details.csv")
    done = run_command(command, WAIT_SECONDS)
    assert done.returncode == 3, done.stderr  # the broken photo
    assert contents(clustered) == contents(plain)
    store.delete_file(f"{prefix}/b.jpg")
    with pytest.raises(OSError, match="b.jpg"):
        dict(photos.photos())["b"].read_bytes()


def test_an_empty_bucket_and_a_wrong_address_are_told_without_the_secret(bucket):
    for address in (bucket, bucket.replace("archive", "absent"), "s3://key:secret@archive/x?colour=red"):
        with pytest.raises(InputError, match="^s3://") as error:
            scan_photo_bucket(address)
        assert "secret" not in str(error.value)
