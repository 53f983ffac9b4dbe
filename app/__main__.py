"""The command `python -m app`, which serves the app with settings from the environment."""

import os
import sys

from app.http import log_format
from app.server import serve
from app.settings import read_settings
from data_modelling.inference.errors import InputError


def main() -> int:
    """Serve the app and return the exit status: 130 after Ctrl-C, 0 after SIGTERM, 2 when the app cannot start."""
    try:
        settings = read_settings(os.environ)
        log_format.start_logging(settings.log_format)
        return serve(settings)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:  # Ctrl-C came before the server was started
        return 130


if __name__ == "__main__":
    sys.exit(main())
