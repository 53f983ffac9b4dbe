"""A small process that listens, starts the server, and starts it again when it is gone.

It imports nothing beyond the standard library and reads nothing that strangers send, so that there is little that
could bring it down. It holds the listening socket: while a server is replaced, who connects waits and is answered by
the next one. A new server takes over from the old one, which finishes what it has begun, when a bundle was replaced,
on SIGHUP, or when one of the old one's processes has ended.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import select
import signal
import socket
import subprocess  # nosec B404  # to start the server
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from app.settings import Settings
from data_modelling.inference.errors import InputError

LOOK_SECONDS = 1.0  # between two looks at the bundles' files
WAIT_SECONDS = 1.0  # before a server is started again that ended before it was ready
REPLACE_SECONDS = (
    60.0  # before what is left of a server is replaced again, when bundles that cannot answer forbade it
)
START_SECONDS = 120.0  # that a server has to be ready, before it counts as hung and is killed
FINISH_SECONDS = 30.0  # that a server has to finish what it has begun
BACKLOG = 1024  # connections that wait while no server accepts them; the system may allow fewer
ONE_THREAD_EACH = {"OPENBLAS_NUM_THREADS": "1"}  # numpy's: the cores are used by requests side by side
SHARED_BYTES = 2 * 1024 * 1024  # of the memory that the server's processes share
SEATS = 64  # numbers for processes, which are given again in turn: far more than run at once
READY, WITHOUT_MODEL = b"1", b"0"  # what a server tells: it answers; it runs, but no photo can be answered

log = logging.getLogger("app.keeper")

Signature = frozenset[tuple[str, int, int, int]]


class ListenError(InputError):
    """The address and port cannot be listened on."""


def listen(host: str, port: int) -> socket.socket:
    """A socket on the address; raises ListenError when that is not possible."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except OSError as error:
        reason = str(error.strerror or error).partition(" (")[0]  # Python adds the address in brackets
        raise ListenError(
            f"Cannot listen on {host} port {port} ({reason}); set HOST or PORT to another."
        ) from error


def keep(settings: Settings) -> int:
    """Listen and keep a server running until a signal comes; the exit status. Raises ListenError."""
    with listen(settings.host, settings.port) as listener:
        if settings.is_public:
            log.warning(
                "HOST %s can be reached from other machines, and without TLS in front photos travel unencrypted.",
                settings.host,
            )
        return Keeper(listener, settings).run()


@dataclass
class Process:
    """One process of the server. told: where it says that it is ready. life: it stops when this is closed."""

    process: subprocess.Popen[bytes]
    told: int
    life: int

    @classmethod
    def start(cls, listener: socket.socket, shared: int, seat: int) -> Process:
        """A new process that is given the listening socket, and what it shares with others (-1: nothing)."""
        told, tell = os.pipe()
        alive, life = os.pipe()
        passed = (listener.fileno(), tell, alive, shared)
        try:
            # In a group of its own: Ctrl-C in a terminal reaches the keeper alone, which lets the server finish.
            process = subprocess.Popen(  # nosec B603  # our own program
                [sys.executable, "-m", "app.worker", *map(str, passed), str(seat)],
                pass_fds=[file for file in passed if file >= 0],
                process_group=0,
                env={**ONE_THREAD_EACH, **os.environ},
            )
        finally:
            os.close(tell)
            os.close(alive)
        return cls(process, told, life)

    @property
    def has_ended(self) -> bool:
        """Whether it runs no more."""
        return self.process.poll() is not None

    def signal(self, number: int) -> None:
        """Send it a signal, if it still runs."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)

    def close(self) -> None:
        """Let go of a process that has ended."""
        os.close(self.told)
        os.close(self.life)


@dataclass
class Server:
    """Processes that answer side by side. words: what those have told that are ready. begun: when it was started."""

    processes: list[Process]
    begun: float
    words: dict[int, bytes] = field(default_factory=dict)

    @classmethod
    def start(cls, listener: socket.socket, shared: int, seats: Iterable[int]) -> Server:
        """A process for each seat."""
        return cls([Process.start(listener, shared, seat) for seat in seats], time.monotonic())

    @property
    def untold(self) -> list[int]:
        """Where those that are not ready will say so."""
        return [one.told for one in self.processes if one.told not in self.words]

    def hear(self) -> None:
        """Note what they have told."""
        for told in select.select(self.untold, [], [], 0)[0]:
            if word := os.read(told, 1):  # none: it has ended, or is about to
                self.words[told] = word

    @property
    def is_ready(self) -> bool:
        """Whether all are."""
        return not self.untold

    @property
    def ended(self) -> list[Process]:
        """Those that run no more."""
        return [one for one in self.processes if one.has_ended]

    @property
    def has_ended(self) -> bool:
        """Whether none runs any more."""
        return len(self.ended) == len(self.processes)

    def signal(self, number: int) -> None:
        """Send all a signal."""
        for one in self.processes:
            one.signal(number)

    def close(self) -> None:
        """Let go of those that have all ended."""
        for one in self.processes:
            one.close()

    def __str__(self) -> str:
        return ", ".join(str(one.process.pid) for one in self.processes)


class Keeper:
    """serving: the server that answers. coming: one that is starting. leaving: those that finish their last answers.

    shared: a memory without a name that all their processes map, -1 where the system has none.
    """

    def __init__(self, listener: socket.socket, settings: Settings) -> None:
        self._listener = listener
        self._settings = settings
        self._serving: Server | None = None
        self._coming: Server | None = None
        self._leaving: list[Server] = []
        self._asked: list[int] = []  # signals that have come
        self._start_at = self._replace_at = 0.0  # not before these times
        self._was_ready = False
        self._first_failed = 0  # its status
        self._looked = 0.0
        self._seen = self._tried = bundle_files(settings.bundles)
        self._shared = shared_memory()
        self._processes = settings.process_count if self._shared >= 0 else 1
        self._seats = itertools.cycle(range(SEATS))

    def run(self) -> int:
        """Until SIGINT or SIGTERM; the exit status. That of the first server if it ends before it is ready."""
        woken, wake = os.pipe()
        for end in (woken, wake):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, self._note)
        while True:
            self._start_what_is_missing()
            self._wait(woken)
            if signal.SIGINT in self._asked or signal.SIGTERM in self._asked:
                return self._stop()
            if signal.SIGHUP in self._asked:
                self._asked.remove(signal.SIGHUP)  # and no other that has come this moment
                self._renew()
            self._greet()
            self._bury()
            if not self._was_ready and self._coming is None:
                return self._first_failed
            self._look_at_bundles()

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if number != signal.SIGCHLD:  # it only has to wake the keeper
            self._asked.append(number)

    def _wait(self, woken: int) -> None:
        """Until something has happened, or it is time to look at the bundles."""
        readable = [woken, *(self._coming.untold if self._coming else [])]
        select.select(readable, [], [], LOOK_SECONDS)
        with contextlib.suppress(BlockingIOError):
            os.read(woken, 4096)

    def _start_what_is_missing(self) -> None:
        if self._serving is None and self._coming is None and time.monotonic() >= self._start_at:
            self._coming = self._started()

    def _started(self) -> Server:
        seats = itertools.islice(self._seats, self._processes)
        return Server.start(self._listener, self._shared, seats)

    def _renew(self) -> None:
        """Start a server that is to take over."""
        if self._coming is None:
            log.info("a new server is starting")
            self._coming = self._started()

    def _greet(self) -> None:
        """Let a server that is ready take over, unless it can answer less than the one that is there."""
        coming = self._coming
        if coming is None:
            return
        coming.hear()
        if not coming.is_ready:
            if time.monotonic() - coming.begun > START_SECONDS:
                coming.signal(signal.SIGKILL)
            return
        self._coming = None
        if WITHOUT_MODEL in coming.words.values() and self._serving is not None:
            log.warning("the bundles that are there now cannot answer; the server goes on with the old ones")
            self._let_go(coming)
            self._replace_at = time.monotonic() + REPLACE_SECONDS
            return
        if self._serving is not None:
            self._let_go(self._serving)
        self._serving = coming
        log.info("the server runs as process %s", coming)
        if not self._was_ready:
            self._was_ready = True
            self._say_where()

    def _say_where(self) -> None:
        host, port = self._settings.host, self._listener.getsockname()[1]
        with contextlib.suppress(OSError):  # a full disk behind standard output is no reason not to serve
            print(f"Serving on http://{_in_address(host)}:{port} (Ctrl-C stops)", flush=True)

    def _let_go(self, server: Server) -> None:
        server.signal(signal.SIGTERM)
        self._leaving.append(server)

    def _bury(self) -> None:
        """Find out who has ended."""
        for server in [one for one in self._leaving if one.has_ended]:
            self._leaving.remove(server)
            server.close()
        self._replace_if_hurt()
        if self._coming and (ended := self._coming.ended):
            self._first_failed = abs(ended[0].process.returncode)
            log.warning("a server has ended before it was ready (%s)", _how(ended[0].process))
            self._coming.signal(signal.SIGKILL)
            self._leaving.append(self._coming)
            self._coming = None
            self._start_at = self._replace_at = time.monotonic() + WAIT_SECONDS

    def _replace_if_hurt(self) -> None:
        """A new server in the place of one that lacks a process; those that are left answer until it is ready."""
        serving = self._serving
        if serving is None or not serving.ended:
            return
        if self._coming is None and time.monotonic() >= self._replace_at:
            log.warning("the server has ended (%s); a new one is starting", _how(serving.ended[0].process))
            self._coming = self._started()
        if serving.has_ended:
            serving.close()
            self._serving = None

    def _look_at_bundles(self) -> None:
        """Start a new server when bundles have changed and change no more."""
        now = time.monotonic()
        if now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        found = bundle_files(self._settings.bundles)
        is_settled = found == self._seen
        self._seen = found
        if is_settled and found != self._tried and self._coming is None and self._serving is not None:
            self._tried = found
            self._renew()

    def _stop(self) -> int:
        """Let all servers finish; those that take too long, or when a second signal comes, are killed."""
        self._listener.close()
        asked, self._asked = self._asked[0], []
        servers = [one for one in (self._serving, self._coming, *self._leaving) if one]
        for server in servers:
            server.signal(signal.SIGTERM)
        until = time.monotonic() + FINISH_SECONDS
        while not all(server.has_ended for server in servers):
            if self._asked or time.monotonic() > until:
                for server in servers:
                    server.signal(signal.SIGKILL)
            time.sleep(0.02)
        return 130 if asked == signal.SIGINT else 0


def shared_memory() -> int:
    """An open file of SHARED_BYTES in memory; -1 where the system has no such files, or no file may be written."""
    try:
        file = os.memfd_create("app")
        os.ftruncate(file, SHARED_BYTES)
    except (AttributeError, OSError) as error:
        log.info("the server is one process: what several would share has no place (%s)", error)
        return -1
    return file


def bundle_files(folder: Path) -> Signature:
    """What tells whether a file of a bundle was replaced: the name, time, size and number of each."""
    found = []
    try:
        for bundle in os.scandir(folder):
            if bundle.is_dir() and not bundle.name.startswith("."):
                for entry in os.scandir(bundle.path):
                    facts = entry.stat()
                    found.append((entry.path, facts.st_mtime_ns, facts.st_size, facts.st_ino))
    except OSError:  # just being replaced, or not there: the next look will tell
        pass
    return frozenset(found)


def _how(process: subprocess.Popen[bytes]) -> str:
    code = process.returncode
    return f"signal {-code}" if code < 0 else f"status {code}"


def _in_address(host: str) -> str:
    return f"[{host}]" if ":" in host else host
