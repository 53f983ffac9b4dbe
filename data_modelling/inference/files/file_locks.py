"""Locks a file in a folder, so that only one process at a time writes to the folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from data_modelling.inference.errors import InputError


@contextmanager
def exclusive_lock(path: Path, refusal: str) -> Iterator[None]:
    """Hold a lock on the file `path` during the block; the system releases the lock even if the process is killed.

    The file is made if it is missing, and stays after the block. Raises InputError with the sentence `refusal` if
    another process holds the lock, and OSError if the file cannot be made.
    """
    from filelock import FileLock, Timeout  # its import writes a temporary file, which the app must not do

    lock = FileLock(path, blocking=False)
    try:
        lock.acquire()
    except Timeout as error:
        raise InputError(refusal) from error
    try:
        yield
    finally:
        lock.release()
