"""The server's own process, which the keeper starts: `python -m app.worker LISTENER TELL ALIVE`, three open files."""

import gc
import logging
import os
import resource
import signal
import socket
import sys
from threading import Thread

from app import create_app
from app.__main__ import LOG_FORMAT
from app.bundles import Bundles
from app.keeper import READY, WITHOUT_MODEL
from app.memory import return_large_blocks
from app.server import Server
from app.settings import from_environment
from data_modelling.inference.errors import InputError

OPEN_FILES = 4096  # that the process may have, if the system allows: some systems begin with 256


def main(arguments: list[str]) -> int:
    """Serve until SIGTERM, or until the keeper is gone; then finish what was begun. Status 2 when it cannot start."""
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
    listener, tell, alive = map(int, arguments)
    try:
        server = prepared(socket.socket(fileno=listener))
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda _number, _frame: server.stop())
    Thread(target=_stop_without_keeper, args=(alive, server), daemon=True).start()
    bundles: Bundles = server.app.extensions["bundles"]
    os.write(tell, READY if bundles.is_ready else WITHOUT_MODEL)
    os.close(tell)
    gc.collect()
    gc.freeze()  # what the app consists of is not looked through again and again
    server.run()
    return 0


def prepared(listener: socket.socket) -> Server:
    """A server on that socket, with its bundles loaded. Raises InputError."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if most == resource.RLIM_INFINITY else min(OPEN_FILES, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
    return_large_blocks()
    settings = from_environment(os.environ)
    return Server(create_app(settings), settings, listener)


def _stop_without_keeper(alive: int, server: Server) -> None:
    os.read(alive, 1)  # ends when the keeper does, however it does
    server.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
