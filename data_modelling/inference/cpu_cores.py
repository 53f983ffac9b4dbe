"""How many cores there are to work on."""

import os


def usable_cores() -> int:
    """The number of cores that this process may use, which `taskset` or a container may have made few; at least 1."""
    # Python 3.13 has a function of its own for it, which also obeys PYTHON_CPU_COUNT.
    if hasattr(os, "process_cpu_count"):
        return os.process_cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):  # Linux alone
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1
