"""Fixtures for all tests."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
from filelock import FileLock

# Two processes share the tests. Threads of numpy's linear algebra would wait for each other's cores, which trebles the
# processor time of a bootstrap. numpy reads this when it is loaded, and the processes that tests start inherit it.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from data_modelling.datasets import ham10000
from data_modelling.datasets.data_location import (
    REPOSITORY_DATA,
    MissingDataError,
    find_dataset_folder,
)

PROJECT = Path(__file__).resolve().parents[1]


def skip_unless_ci(reason: str) -> NoReturn:
    """Skip a test whose means are absent; with CI=true that is a failure, since there they must be there."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"must not be skipped with CI=true: {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The root of the real data sets, with HAM10000 in it."""
    root = Path(os.environ.get("DATA_ROOT") or REPOSITORY_DATA)
    try:
        find_dataset_folder(root, ham10000.FOLDER, *ham10000.METADATA)
    except MissingDataError as error:
        skip_unless_ci(str(error))
    return root


def made_once(
    factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object], *arguments: object
) -> Path:
    """Return a folder that `make(folder, *arguments)` fills, once for all processes that share the tests of a run."""
    root = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    folder, complete = root / name, root / f"{name}.complete"
    with FileLock(root / f"{name}.lock"):
        if not complete.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder, *arguments)
            complete.touch()
    return folder


@pytest.fixture(scope="session")
def smoke_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle that the train command makes of generated lesions; its stages lie in `smoke.work` beside it."""
    return made_once(tmp_path_factory, "smoke_run", train_smoke) / "smoke"


def train_smoke(folder: Path) -> None:
    """Train the smoke bundle in `folder`, as smoke."""
    command = train_command(folder / "smoke")
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def train_command(out: Path, *options: str) -> list[str]:
    """The smoke run of `train`, in a process of its own."""
    config = PROJECT / "data_modelling" / "configs" / "smoke.toml"
    return [
        sys.executable,
        "-m",
        "data_modelling.train",
        "--config",
        str(config),
        "--out",
        str(out),
        *options,
    ]


@pytest.fixture
def smoke_bundle(smoke_run: Path, tmp_path: Path) -> Path:
    """A copy of the smoke bundle that a test may change."""
    return Path(shutil.copytree(smoke_run, tmp_path / "smoke"))
