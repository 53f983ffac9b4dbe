"""What the processes of the server know together: how often each address asked, what was counted, who is how busy.

A memory that the keeper holds and every process of the server maps, so that limits and counts hold over all of them,
and over a server that takes the place of another. An app of one process has it for itself.
"""

from __future__ import annotations

import fcntl
import hashlib
import math
import mmap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.keeper import SEATS, SHARED_BYTES

NAMES = 65_536  # whose requests are counted at once; beyond, those whose time ends first are forgotten
NEIGHBOURS = 16  # places of the table where one name may stand
ENDPOINTS = 64  # kinds of pages that are counted
STATUSES = 600  # HTTP's are below
FRESH_SECONDS = 3.0  # within which a process that runs says how busy it is
SLACK = 0.25  # by which one process may have more connections than another
BYTES = 8  # of every number
SIZES = {
    "keys": (NAMES,),
    "ends": (NAMES,),
    "counts": (NAMES,),
    "requests": (ENDPOINTS, STATUSES),
    "seconds": (ENDPOINTS,),
    "seen": (SEATS,),
    "connections": (SEATS,),
}


class Shared:
    """requests, seconds: of each endpoint, (ENDPOINTS, STATUSES) and (ENDPOINTS,). Used within `locked()` alone."""

    def __init__(self, file: int | None = None) -> None:
        """file: the open file to map, of a memory without a name; None is memory for this process alone."""
        self._file = file
        self._lock = Lock()
        self._memory = mmap.mmap(-1 if file is None else file, SHARED_BYTES)
        self._used = 0
        self._keys = self._next("keys", np.uint64)
        self._ends = self._next("ends", np.float64)
        self._counts = self._next("counts", np.int64)
        self.requests = self._next("requests", np.int64)
        self.seconds = self._next("seconds", np.float64)
        self._seen = self._next("seen", np.float64)
        self._connections = self._next("connections", np.int64)

    def _next(self, name: str, kind: type[Any]) -> NDArray[Any]:
        shape = SIZES[name]
        found = np.frombuffer(self._memory, kind, math.prod(shape), self._used)
        self._used += found.nbytes
        return found.reshape(shape)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """No other thread or process is in here; one that is killed in it lets go."""
        with self._lock:
            if self._file is not None:
                fcntl.lockf(self._file, fcntl.LOCK_EX)
            try:
                yield
            finally:
                if self._file is not None:
                    fcntl.lockf(self._file, fcntl.LOCK_UN)

    def ask(self, name: str, seconds: float, times: int = 1) -> int:
        """How often something was asked, now included, within so many seconds of its first time."""
        now = time.time()
        with self.locked():
            place = self._place(name)
            if self._ends[place] <= now:
                self._ends[place], self._counts[place] = now + seconds, 0
            self._counts[place] += times
            return int(self._counts[place])

    def asked(self, name: str) -> tuple[int, float]:
        """How often it was asked, and until when (seconds since 1970) that counts."""
        now = time.time()
        with self.locked():
            place = self._place(name)
            end = float(self._ends[place])
            return (int(self._counts[place]), end) if end > now else (0, now)

    def forget(self, name: str) -> None:
        """That it was asked."""
        with self.locked():
            self._ends[self._place(name)] = 0.0

    def forget_all(self) -> None:
        """All that was asked."""
        with self.locked():
            self._ends[:] = 0.0

    def _place(self, name: str) -> int:
        """Where a name stands; if it does not yet, a place that is free, or else that of who is forgotten first."""
        key = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=BYTES).digest(), "big")
        start = key % (NAMES - NEIGHBOURS)
        near = slice(start, start + NEIGHBOURS)
        if len(found := np.flatnonzero(self._keys[near] == np.uint64(key))):
            return start + int(found[0])
        place = start + int(np.argmin(self._ends[near]))
        self._keys[place], self._ends[place] = key, 0.0
        return place

    def sit(self, seat: int, connections: int) -> None:
        """Say that the process on this seat accepts connections, and how many it has."""
        self._connections[seat] = connections
        self._seen[seat] = time.monotonic()

    def leave(self, seat: int) -> None:
        """Say that it accepts none any more."""
        self._seen[seat] = 0.0

    def has_fewest(self, seat: int, connections: int) -> bool:
        """Whether so many are not more than those of any other process that accepts, give or take a quarter."""
        self.sit(seat, connections)
        awake = self._connections[self._seen > time.monotonic() - FRESH_SECONDS]
        return bool(connections <= awake.min() * (1 + SLACK))
