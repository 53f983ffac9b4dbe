"""Runs a command, and turns its errors into one sentence and an exit status."""

import sys
from collections.abc import Callable

from data_modelling.inference.errors import InputError

DONE, NOT_STARTED, LEFT_OUT, INTERRUPTED = 0, 2, 3, 130


def run_with_exit_status(
    command: Callable[[], list[str]], stopped: str = "Stopped; incomplete files were removed."
) -> int:
    """Run a command and return its exit status. The command returns a line for each input that it left out.

    Status 0: done. 2: an input is bad, or a file cannot be read or written; standard error says so in one sentence.
    3: done, but inputs were left out; standard error lists them. 130: Ctrl-C; standard error has the text `stopped`.
    """
    try:
        left_out = command()
    except InputError as error:
        print(error, file=sys.stderr)
        return NOT_STARTED
    except OSError as error:
        if error.errno is None:  # a library raised the error, not the system: the program is at fault
            raise
        print(f"{error.filename or 'A file'}: {error.strerror}.", file=sys.stderr)
        return NOT_STARTED
    except KeyboardInterrupt:
        print(f"\n{stopped}", file=sys.stderr)
        # If a library was executing a string of code at Ctrl-C, CPython keeps a mark until another string is executed.
        # With this mark, `python -m` would end by the signal and not with our status, although we caught Ctrl-C.
        exec("")  # noqa: S102  # nosec B102
        return INTERRUPTED
    for line in left_out:
        print(line, file=sys.stderr)
    return LEFT_OUT if left_out else DONE
