"""Fixtures for all tests."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest

from data_modelling.datasets import ham10000
from data_modelling.datasets.roots import REPOSITORY_DATA, MissingDataError, find_root

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
        find_root(root, ham10000.FOLDER, *ham10000.METADATA)
    except MissingDataError as error:
        skip_unless_ci(str(error))
    return root


@pytest.fixture(scope="session")
def smoke_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle that the train command makes of generated lesions; its stages lie in `smoke.work` beside it."""
    out = tmp_path_factory.mktemp("smoke") / "smoke"
    done = subprocess.run(train_command(out), cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return out


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
