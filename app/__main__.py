"""Serve the page: `python -m app`, with settings from the environment."""

import logging
import os
import sys

from app import create_app
from app.memory import return_large_blocks
from app.server import make_server
from app.settings import from_environment
from data_modelling.inference.errors import InputError

log = logging.getLogger("app")


def main() -> int:
    """Serve until Ctrl-C. Status 2 when it cannot start, with one sentence on standard error."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        return serve()
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def serve() -> int:
    """Read the settings, listen, serve."""
    chosen = from_environment(os.environ)
    return_large_blocks()
    server = make_server(create_app(chosen), chosen)
    if chosen.is_public:
        log.warning(
            "HOST %s can be reached from other machines, and without TLS in front photos travel unencrypted.",
            chosen.host,
        )
    print(f"Serving on http://{_in_address(chosen.host)}:{server.effective_port} (Ctrl-C stops)", flush=True)
    server.run()  # returns after Ctrl-C
    return 130


def _in_address(host: str) -> str:
    return f"[{host}]" if ":" in host else host


if __name__ == "__main__":
    sys.exit(main())
