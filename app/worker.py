"""A process of the server, which the keeper starts: `python -m app.worker LISTENER TELL ALIVE SHARED SEAT`.

LISTENER, TELL, ALIVE and SHARED are open files; SHARED is -1 where nothing is shared.
"""

import gc
import os
import resource
import signal
import socket
import sys
from threading import Thread

from app import create_app, logs
from app.bundles import Bundles
from app.keeper import READY, WITHOUT_MODEL
from app.memory import return_large_blocks
from app.server import Server
from app.settings import from_environment
from app.shared import Shared
from data_modelling.inference.errors import InputError

OPEN_FILES = 4096  # that the process may have, if the system allows: some systems begin with 256


def main(arguments: list[str]) -> int:
    """Serve until SIGTERM, or until the keeper is gone; then finish what was begun. Status 2 when it cannot start."""
    logs.start()
    listener, tell, alive, shared, seat = map(int, arguments)
    try:
        server = prepared(socket.socket(fileno=listener), shared, seat)
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


def prepared(listener: socket.socket, file: int = -1, seat: int = 0) -> Server:
    """A server on that socket, with its bundles loaded. Raises InputError.

    file: of what the server's processes share, -1 for nothing. seat: its own there.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if most == resource.RLIM_INFINITY else min(OPEN_FILES, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
    return_large_blocks()
    settings = from_environment(os.environ)
    shared = Shared(file) if file >= 0 else None
    several = shared if settings.process_count > 1 else None
    return Server(create_app(settings, shared), settings, listener, several, seat)


def _stop_without_keeper(alive: int, server: Server) -> None:
    os.read(alive, 1)  # ends when the keeper does, however it does
    server.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
