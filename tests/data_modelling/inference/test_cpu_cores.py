import os
import subprocess
import sys

import pytest

from data_modelling.inference.cpu_cores import usable_cores
from tools.serving import ROOT

PRINT = "from data_modelling.inference.cpu_cores import usable_cores; print(usable_cores())"


@pytest.fixture
def bare(monkeypatch):
    """A system with none of the functions that know of affinity."""
    for name in ("process_cpu_count", "sched_getaffinity"):
        monkeypatch.delattr(os, name, raising=False)
    return monkeypatch


def test_python_3_13_knows(bare):
    bare.setattr(os, "process_cpu_count", lambda: 3, raising=False)
    bare.setattr(os, "sched_getaffinity", lambda process: {0}, raising=False)
    assert usable_cores() == 3
    bare.setattr(os, "process_cpu_count", lambda: None, raising=False)
    assert usable_cores() == 1


def test_before_it_the_affinity_counts(bare):
    bare.setattr(os, "sched_getaffinity", lambda process: {1, 5}, raising=False)
    bare.setattr(os, "cpu_count", lambda: 64)
    assert usable_cores() == 2


@pytest.mark.parametrize(("cores", "usable"), [(6, 6), (None, 1)])
def test_elsewhere_the_machines_cores_count(bare, cores, usable):
    bare.setattr(os, "cpu_count", lambda: cores)
    assert usable_cores() == usable


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux keeps a process to some cores")
def test_a_process_that_is_kept_to_one_core_uses_one():
    core = min(os.sched_getaffinity(0))
    done = subprocess.run(
        [sys.executable, "-c", PRINT],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )
    assert done.stdout == "1\n"


def test_nothing_counts_the_machines_cores_by_itself():
    """Everything asks the one function, so that `taskset` holds for all that starts processes and threads."""
    folders = ("app", "benchmarks", "data_analysis", "data_modelling", "tools")
    files = [
        path for folder in folders for path in (ROOT / folder).rglob("*.py") if path.name != "cpu_cores.py"
    ]
    assert files
    assert [path for path in files if "cpu_count" in path.read_text(encoding="utf-8")] == []
    assert [path for path in files if "ThreadPoolExecutor()" in path.read_text(encoding="utf-8")] == []
