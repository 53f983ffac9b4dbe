"""Find the process of a running app that answers."""

import re
import time

from tools.serving import AppServer

SERVER = re.compile(r"the server runs as process (\d+)")
SECONDS = 10


def answering_process(app: AppServer) -> int:
    """Return the id of a process that answers now, or did until a moment ago, from the log."""
    until = time.monotonic() + SECONDS
    while not (process_ids := SERVER.findall(app.log.read_text())):
        if time.monotonic() > until:
            raise RuntimeError(f"the app does not tell its process: {app.log.read_text()}")
        time.sleep(0.02)
    return int(process_ids[-1])
