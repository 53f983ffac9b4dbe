"""A small process that listens, starts the server, and starts it again when it is gone.

It imports nothing beyond the standard library and reads nothing that strangers send, so that there is little that
could bring it down. It holds the listening socket: while a server is replaced, who connects waits and is answered by
the next one. A new server takes over from the old one, which finishes what it has begun, when a bundle was replaced
or on SIGHUP.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import signal
import socket
import subprocess  # nosec B404  # to start the server
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from app.settings import Settings
from data_modelling.inference.errors import InputError

LOOK_SECONDS = 1.0  # between two looks at the bundles' files
WAIT_SECONDS = 1.0  # before a server is started again that ended before it was ready
START_SECONDS = 120.0  # that a server has to be ready, before it counts as hung and is killed
FINISH_SECONDS = 30.0  # that a server has to finish what it has begun
BACKLOG = 1024  # connections that wait while no server accepts them; the system may allow fewer
ONE_THREAD_EACH = {"OPENBLAS_NUM_THREADS": "1"}  # numpy's: the cores are used by requests side by side
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
class Server:
    """A server's process. told: where it says that it is ready. life: it stops when this is closed. begun: when."""

    process: subprocess.Popen[bytes]
    told: int
    life: int
    begun: float

    @classmethod
    def start(cls, listener: socket.socket) -> Server:
        """A new process that is given the listening socket."""
        told, tell = os.pipe()
        alive, life = os.pipe()
        passed = (listener.fileno(), tell, alive)
        try:
            # In a group of its own: Ctrl-C in a terminal reaches the keeper alone, which lets the server finish.
            process = subprocess.Popen(  # nosec B603  # our own program
                [sys.executable, "-m", "app.worker", *map(str, passed)],
                pass_fds=passed,
                process_group=0,
                env={**ONE_THREAD_EACH, **os.environ},
            )
        finally:
            os.close(tell)
            os.close(alive)
        return cls(process, told, life, time.monotonic())

    def signal(self, number: int) -> None:
        """Send it a signal, if it still runs."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)

    def close(self) -> None:
        """Let go of a server that has ended."""
        os.close(self.told)
        os.close(self.life)


class Keeper:
    """serving: the server that answers. coming: one that is starting. leaving: those that finish their last answers."""

    def __init__(self, listener: socket.socket, settings: Settings) -> None:
        self._listener = listener
        self._settings = settings
        self._serving: Server | None = None
        self._coming: Server | None = None
        self._leaving: list[Server] = []
        self._asked: list[int] = []  # signals that have come
        self._start_at = 0.0  # not before this time
        self._was_ready = False
        self._first_failed = 0  # its status
        self._looked = 0.0
        self._seen = self._tried = bundle_files(settings.bundles)

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
        readable = [woken, *([self._coming.told] if self._coming else [])]
        select.select(readable, [], [], LOOK_SECONDS)
        with contextlib.suppress(BlockingIOError):
            os.read(woken, 4096)

    def _start_what_is_missing(self) -> None:
        if self._serving is None and self._coming is None and time.monotonic() >= self._start_at:
            self._coming = Server.start(self._listener)

    def _renew(self) -> None:
        """Start a server that is to take over."""
        if self._coming is None:
            log.info("a new server is starting")
            self._coming = Server.start(self._listener)

    def _greet(self) -> None:
        """Let a server that is ready take over, unless it can answer less than the one that is there."""
        coming = self._coming
        if coming is None:
            return
        if not select.select([coming.told], [], [], 0)[0]:
            if time.monotonic() - coming.begun > START_SECONDS:
                coming.signal(signal.SIGKILL)
            return
        told = os.read(coming.told, 1)
        if not told:  # it has ended, or is about to
            return
        self._coming = None
        if told == WITHOUT_MODEL and self._serving is not None:
            log.warning("the bundles that are there now cannot answer; the server goes on with the old ones")
            self._let_go(coming)
            return
        if self._serving is not None:
            self._let_go(self._serving)
        self._serving = coming
        log.info("the server is process %d", coming.process.pid)
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
        for server in [one for one in self._leaving if one.process.poll() is not None]:
            self._leaving.remove(server)
            server.close()
        if self._serving and self._serving.process.poll() is not None:
            log.warning("the server has ended (%s); a new one is starting", _how(self._serving.process))
            self._serving.close()
            self._serving = None
        if self._coming and self._coming.process.poll() is not None:
            self._first_failed = abs(self._coming.process.returncode)
            log.warning("a server has ended before it was ready (%s)", _how(self._coming.process))
            self._coming.close()
            self._coming = None
            self._start_at = time.monotonic() + WAIT_SECONDS

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
        while any(server.process.poll() is None for server in servers):
            if self._asked or time.monotonic() > until:
                for server in servers:
                    server.signal(signal.SIGKILL)
            time.sleep(0.02)
        return 130 if asked == signal.SIGINT else 0


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
