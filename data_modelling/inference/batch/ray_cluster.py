"""Connects to a Ray cluster (machines that share work), or starts one on this machine for a single command."""

from __future__ import annotations

import argparse
import logging
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from data_modelling.inference.cpu_cores import usable_cores
from data_modelling.inference.errors import InputError

RETRIES = 5  # how often a task is repeated if its worker dies; a task that kills every worker must end too
ANY_CLUSTER = "auto"
CONNECT_SECONDS = 5
THIS_MACHINE, RAY = ENGINES = ("local", "ray")
# Memory for the (small) rows that tasks take and return, if a command starts the cluster. Predictors need the rest.
OBJECT_STORE_BYTES = 200_000_000
# Without these variables, Ray would send usage statistics, start its workers with a lower priority, and print an
# error for every lost node. The commands themselves report the errors that matter.
ENVIRONMENT = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_BACKEND_LOG_LEVEL": "fatal", "RAY_worker_niceness": "0"}


def add_engine_options(parser: argparse.ArgumentParser) -> None:
    """Add the options --engine and --address to a parser."""
    parser.add_argument(
        "--engine",
        choices=ENGINES,
        default=THIS_MACHINE,
        help="ray: use the cores of a Ray cluster, see docs/scale.md (default: %(default)s)",
    )
    parser.add_argument(
        "--address",
        metavar="HOST:PORT",
        help="address of the Ray cluster; auto: the cluster of this machine (default: start one for this command)",
    )


@contextmanager
def connect_to_ray(address: str | None) -> Iterator[ModuleType]:
    """Yield Ray, connected to the cluster at `address` (HOST:PORT, or `auto` for the cluster of this machine).

    If the address is None, start a cluster of the cores that this process may use, and end it after the block. Ray
    sends no usage statistics. Raises InputError if Ray is not installed or does not start, or if no cluster is found.
    """
    os.environ.update(ENVIRONMENT)
    try:
        import ray
    except ImportError as error:
        raise InputError(
            "--engine ray needs Ray: install requirements-cluster.lock, see docs/scale.md."
        ) from error
    options = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address is None:
        options |= {"num_cpus": usable_cores(), "object_store_memory": OBJECT_STORE_BYTES}
        options |= {"include_dashboard": False}
    elif address and address != ANY_CLUSTER:
        _check_address(address)
    try:
        ray.init(address=address or "local", **options)
    except Exception as error:
        # No narrower class can be caught, because Ray raises Exception itself when a node does not start in time.
        place = f"There is no Ray cluster at {address}" if address else "Ray does not start"
        raise InputError(f"{place}: {' '.join(str(error).split())}") from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _check_address(address: str) -> None:
    """Raise InputError unless something listens at HOST:PORT; Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), CONNECT_SECONDS).close()
    except (OSError, ValueError) as error:
        raise InputError(f"There is no Ray cluster at {address}: {error}") from error


def retried_task(ray: ModuleType, function: Callable[..., Any], at_once: int) -> Any:
    """Return a Ray task that runs a function, and runs it again if its worker or node dies.

    at_once: how many tasks run at a time. Each task has its share of the cores, and a GPU if the cluster has one.
    """
    nodes = [node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"]]
    gpus = min(1, int(ray.cluster_resources().get("GPU", 0)))
    return ray.remote(max_retries=RETRIES, num_cpus=core_share(nodes, at_once), num_gpus=gpus)(function)


def core_share(nodes: Sequence[float], tasks: int) -> float:
    """Return how many cores each of `tasks` parallel tasks can have. nodes: the cores of each node, not all 0."""
    shares = {cores / count for cores in nodes for count in range(1, tasks + 1) if cores}
    share = max(share for share in shares if sum(int(cores / share + 1e-9) for cores in nodes) >= tasks)
    return int(share) if share >= 1 else int(share * 1000) / 1000  # above 1, Ray accepts only whole cores


def check_task(ray: ModuleType, reference: Any, title: str) -> None:
    """Raise the error of a finished task, if it has one. Raise InputError if the task lost its worker in every try."""
    try:
        ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from error
    except ray.exceptions.RayError as error:
        raise InputError(
            f"{title} lost its worker {RETRIES + 1} times; see Ray's log, and add --resume to go on."
        ) from error


def cluster_cores(ray: ModuleType) -> int:
    """Return how many cores all nodes of the cluster have together, at least 1."""
    return max(1, int(ray.cluster_resources().get("CPU", 0)))
