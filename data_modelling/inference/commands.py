"""What all commands share: exit statuses, and errors as one sentence instead of a traceback."""

import sys
from collections.abc import Callable

from data_modelling.inference.errors import InputError

DONE, NOT_STARTED, LEFT_OUT, INTERRUPTED = 0, 2, 3, 130


def run(command: Callable[[], list[str]], stopped: str = "Stopped; nothing half-written was kept.") -> int:
    """Run a command that returns what it left out; its exit status.

    0 done; 2 bad input or a file that the system refuses to read or write, told in one sentence on standard
    error; 3 done but some inputs were left out, which are listed there; 130 Ctrl-C, told as `stopped`.
    """
    try:
        left_out = command()
    except InputError as error:
        print(error, file=sys.stderr)
        return NOT_STARTED
    except OSError as error:
        if error.errno is None:  # raised by a library, not by the system: a fault of our own
            raise
        print(f"{error.filename or 'A file'}: {error.strerror}.", file=sys.stderr)
        return NOT_STARTED
    except KeyboardInterrupt:
        print(f"\n{stopped}", file=sys.stderr)
        return INTERRUPTED
    for line in left_out:
        print(line, file=sys.stderr)
    return LEFT_OUT if left_out else DONE
