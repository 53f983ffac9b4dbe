"""A Ray cluster of several nodes on this machine, and commands that use it.

No test connects its own process to Ray: Ray ends a process at once when its node does not answer for too long.
"""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from data_modelling.inference.batch.ray_cluster import ENVIRONMENT
from tests.conftest import PROJECT, skip_unless_ci

TRIES = 4
STORE_BYTES = 100_000_000  # the smallest object store that Ray accepts is 75 MB


@dataclass
class Nodes:
    """A head without cores, and nodes of one core each."""

    cluster: Any
    workers: list[Any] = field(default_factory=list)

    @property
    def address(self) -> str:
        return str(self.cluster.address)

    def add(self) -> None:
        start = partial(self.cluster.add_node, num_cpus=1, object_store_memory=STORE_BYTES)
        self.workers.append(patiently(start))

    def kill_one(self) -> None:
        """End all processes of a node with SIGKILL."""
        self.cluster.remove_node(self.workers.pop(), allow_graceful=False)


def cluster_command(nodes: Nodes, module: str, *options: str | Path) -> list[str]:
    """Return a command of data_modelling that runs on the nodes."""
    command = [sys.executable, "-m", f"data_modelling.{module}", *map(str, options)]
    return [*command, "--engine", "ray", "--address", nodes.address]


def run_command(command: list[str], seconds: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=seconds, check=False)


def require_ray() -> None:
    """Skip the test where Ray has no wheel."""
    if importlib.util.find_spec("ray") is None:
        skip_unless_ci("Ray is not installed: it has no wheel for this machine")


def patiently(start: Callable[[], Any]) -> Any:
    """Start something of Ray, again where Ray gave up after 30 seconds, as it does on a busy machine."""
    for _ in range(TRIES - 1):
        try:
            return start()
        except Exception as error:
            if "timed out during startup" not in str(error):
                raise
    return start()


@contextmanager
def run_nodes(count: int) -> Iterator[Nodes]:
    """Run a head and `count` nodes."""
    require_ray()
    os.environ |= ENVIRONMENT
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 0, "include_dashboard": False, "object_store_memory": STORE_BYTES}
    nodes = Nodes(patiently(partial(Cluster, initialize_head=True, head_node_args=head)))
    try:
        for _ in range(count):
            nodes.add()
        yield nodes
    finally:
        nodes.cluster.shutdown()


def processes(title: str) -> list[psutil.Process]:
    """Return the processes below this one whose title begins so, as Ray's workers have one: `ray::NAME`."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # it ended meanwhile
            if " ".join(process.cmdline()).startswith(title):
                found.append(process)
    return found
