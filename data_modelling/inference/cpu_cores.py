"""Counts the processor cores that this process may use."""

import os


def usable_cores() -> int:
    """Return the number of cores that this process may use, at least 1; `taskset` or a container may limit them."""
    # Only Python 3.13 and later have this function; it also obeys the environment variable PYTHON_CPU_COUNT.
    if hasattr(os, "process_cpu_count"):
        return os.process_cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):  # only on Linux
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1
