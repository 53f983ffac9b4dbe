"""Our server in several processes on one socket, to compare with one process: `python -m benchmarks.several PORT COUNT`."""

import os
import signal
import sys

from app.keeper import Server, listen

if __name__ == "__main__":
    port, count = map(int, sys.argv[1:])
    listener = listen("127.0.0.1", port)
    servers = [Server.start(listener) for _ in range(count)]
    for one in servers:
        os.read(one.told, 1)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    for one in servers:
        one.signal(signal.SIGTERM)
        one.process.wait()
