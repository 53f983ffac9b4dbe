"""The HTTP server: gunicorn with one or more processes or, on Windows, waitress in one process.

A gunicorn process has many threads, because each slow client keeps a thread waiting. The photo slots limit
how many of these threads analyse photos at the same time (see app/http/photo_slots.py).
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import logging
import os
import shutil
import signal
import socket
import struct
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from app import create_app
from app.http.log_format import log_formatter
from app.http.metrics_endpoint import METRICS_FOLDER
from app.settings import Settings
from data_modelling.inference.errors import InputError

try:
    import resource
except ModuleNotFoundError:  # on Windows, where a process may have thousands of open files anyway
    resource = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from flask import Flask

    AppMaker = Callable[[Settings], Flask]

THREADS = 256  # threads of a gunicorn process; 256 slow clients block it, so a proxy must stand in front
ONE_PROCESS_THREADS = 8  # threads of waitress; it receives a whole request before a thread works on it
BACKLOG = 1024  # maximum number of connections that wait for a process; the system may allow fewer
SILENT_SECONDS = 60  # seconds after which the connection of a silent client is closed
KEPT_SECONDS = 10  # seconds for which a connection stays open after an answer
FINISH_SECONDS = 30  # seconds in which a process that has to stop may finish its requests
OPEN_FILES = 4096  # files that a process may open, if the system allows it; the default may be only 256
MEMORY_FOLDER = Path("/dev/shm")  # noqa: S108  # nosec B108  # a folder in memory; its files do not reach the disk
ARENA_MAX, MMAP_THRESHOLD = -8, -3  # numbers of two options of glibc's mallopt
LARGE_BLOCK_BYTES = 1024 * 1024  # a freed block of at least this size goes back to the system at once
PARTS = "app.analysis.visit"  # importing this module imports nearly all the code that an answer needs
CANNOT_LOAD = 4  # exit status of a process that cannot load the app; gunicorn then starts no other process

log = logging.getLogger("app.server")


class ListenError(InputError):
    """Say that the app cannot listen on the address and port."""


def serve(settings: Settings, make_app: AppMaker = create_app) -> int:
    """Serve until a signal comes, and return the exit status: 130 after SIGINT, 0 after SIGTERM.

    Raises ListenError. If the app cannot be loaded, the status is 2 with gunicorn; with waitress, InputError is raised.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy uses one core; requests use the others
    with open_listener(settings.host, settings.port) as listener:
        if settings.is_public:
            log.warning(
                "Other machines can reach the app (HOST is %s). Without TLS in front of it, photos travel unencrypted.",
                settings.host,
            )
        if find_spec("fcntl") is None:
            return _serve_in_one_process(settings, listener, make_app)
        with _metrics_folder(settings):
            return _serve_in_processes(settings, listener, make_app)


def open_listener(host: str, port: int) -> socket.socket:
    """Return a socket that listens on the address. Raises ListenError if the address cannot be used."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except OSError as error:
        reason = str(error.strerror or error).partition(" (")[0]  # Python adds the address in brackets
        raise ListenError(
            f"Cannot listen on {host} port {port} ({reason}); set HOST or PORT to another value."
        ) from error


def _serve_in_processes(settings: Settings, listener: socket.socket, make_app: AppMaker) -> int:
    from gunicorn.app.base import BaseApplication
    from gunicorn.arbiter import Arbiter

    options = _gunicorn_options(settings, listener)
    asked: list[int] = []

    class Supervisor(Arbiter):  # type: ignore[misc]  # gunicorn has no types
        def handle_int(self) -> None:
            asked.append(signal.SIGINT)
            super().handle_int()

    class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
        def load_config(self) -> None:
            for name, value in options.items():
                self.cfg.set(name, value)

        def load(self) -> Flask:
            # After Ctrl-C, the supervisor sends SIGQUIT. gunicorn would wait for stalled clients, or for its own lock.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGQUIT, lambda *_: os._exit(0))
            try:
                return _load_app(settings, make_app)
            except InputError as error:
                print(error, file=sys.stderr)
                sys.exit(CANNOT_LOAD)

    server, supervisor = Server(), os.getpid()
    _load_parts()
    listener.detach()  # gunicorn takes over the socket
    try:
        Supervisor(server).run()
    except SystemExit as stopped:
        if os.getpid() != supervisor:
            raise  # this process answers requests; only the supervisor (which started it) returns a status
        return 130 if asked else 2 if stopped.code == CANNOT_LOAD else int(stopped.code or 0)
    return 0


def _load_parts() -> None:
    """On Linux, import the app before forking, so that the processes start fast and share the memory of its modules."""
    if sys.platform == "linux":  # macOS's numpy does not survive a fork
        import_module(PARTS)
        gc.freeze()


def _gunicorn_options(settings: Settings, listener: socket.socket) -> dict[str, Any]:
    from gunicorn.glogging import Logger

    class Log(Logger):  # type: ignore[misc]  # gunicorn has no types
        """Write gunicorn's messages in the form of the app's messages, without addresses of clients and pages."""

        def setup(self, cfg: Any) -> None:
            super().setup(cfg)
            self.error_log.addFilter(_hide_request)
            for handler in self.error_log.handlers:
                handler.setFormatter(log_formatter(settings.log_format))

    address = _url(settings.host, listener)

    def tell_where(worker: Any) -> None:
        log.info("the server runs as process %s", worker.pid)
        if worker.age == 1:  # the first one
            _say_where(address)

    return {
        "bind": f"fd://{listener.fileno()}",
        "workers": settings.process_count,
        "worker_class": "gthread",
        "threads": THREADS,
        "keepalive": KEPT_SECONDS,
        "graceful_timeout": FINISH_SECONDS,
        "forwarded_allow_ips": "",  # the app itself reads the headers of proxies, and only of trusted ones
        "logger_class": Log,
        "loglevel": "warning",
        "control_socket_disable": True,
        # Each process renews the time of an empty file in this folder, so that gunicorn sees that the process lives.
        "worker_tmp_dir": str(MEMORY_FOLDER) if MEMORY_FOLDER.is_dir() else None,
        "when_ready": _close_silent_clients,
        "post_worker_init": tell_where,
    }


def _hide_request(record: logging.LogRecord) -> bool:
    """Remove the addresses from the two messages of gunicorn that have addresses. Return True, to keep all messages."""
    for text in ("Invalid request", "Error handling request"):
        if str(record.msg).startswith(text):
            record.msg, record.args = text, ()
    return True


def _close_silent_clients(arbiter: Any) -> None:
    """Set a timeout on the listening sockets; on Linux, accepted connections inherit it. gunicorn itself sets none."""
    for listener in arbiter.LISTENERS:
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", SILENT_SECONDS, 0))


def _load_app(settings: Settings, make_app: AppMaker) -> Flask:
    """Return the app. Each process that answers requests calls this. Raises InputError if the app cannot be made."""
    _allow_open_files()
    _return_memory()
    app = make_app(settings)
    gc.collect()
    gc.freeze()  # the garbage collector need not search the app's own objects again
    return app


def _say_where(address: str) -> None:
    with contextlib.suppress(OSError):  # the app serves even when standard output cannot be written
        print(f"Serving on {address} (Ctrl-C stops)", flush=True)


def _url(host: str, listener: socket.socket) -> str:
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{listener.getsockname()[1]}"


@contextlib.contextmanager
def _metrics_folder(settings: Settings) -> Iterator[None]:
    """Make a folder in which processes count requests, and put its path into the environment (see METRICS_FOLDER)."""
    if settings.metrics == "off":
        yield
        return
    folder = tempfile.mkdtemp(prefix="skin-metrics-", dir=MEMORY_FOLDER if MEMORY_FOLDER.is_dir() else None)
    os.environ[METRICS_FOLDER] = folder
    supervisor = os.getpid()
    try:
        yield
    finally:
        if os.getpid() == supervisor:
            shutil.rmtree(folder, ignore_errors=True)


def _allow_open_files() -> None:
    if resource is None:
        return
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if most == resource.RLIM_INFINITY else min(OPEN_FILES, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def _return_memory() -> None:
    """Tell glibc (the C library) to give back the memory of large photos as soon as it is free.

    By default, glibc gives many threads their own heaps. A block as large as a photo can stay there after it is freed.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl, another C library, lacks mallopt
        if mallopt is not None:
            mallopt(MMAP_THRESHOLD, LARGE_BLOCK_BYTES)
            mallopt(ARENA_MAX, 2)


def _serve_in_one_process(settings: Settings, listener: socket.socket, make_app: AppMaker) -> int:
    from waitress.server import create_server

    stopped_by: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        stopped_by.append(number)
        raise SystemExit  # waitress then finishes the requests that it has begun

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    size = settings.max_visit_body_bytes
    server = create_server(
        _load_app(settings, make_app),
        sockets=[listener],
        threads=ONE_PROCESS_THREADS,
        inbuf_overflow=size,  # above this size, waitress would write a body to disk
        outbuf_overflow=size,
        max_request_body_size=size,
        ident=None,
        clear_untrusted_proxy_headers=False,  # the app itself reads them, and only of trusted proxies
    )
    log.info("the server runs as process %s", os.getpid())
    _say_where(_url(settings.host, listener))
    server.run()
    return 130 if signal.SIGINT in stopped_by else 0
