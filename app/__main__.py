"""Serve the page: `python -m app`, with settings from the environment."""

import os
import sys

from app import logs
from app.keeper import keep
from app.settings import from_environment
from data_modelling.inference.errors import InputError


def main() -> int:
    """Serve until Ctrl-C (status 130) or SIGTERM (0). Status 2 when it cannot start, with one sentence on stderr."""
    logs.start()
    try:
        return keep(from_environment(os.environ))
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:  # before anything was started
        return 130


if __name__ == "__main__":
    sys.exit(main())
