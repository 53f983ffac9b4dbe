"""Memory that large photos needed goes back to the system as soon as it is free."""

import ctypes
import sys

MMAP_THRESHOLD = -3  # glibc's M_MMAP_THRESHOLD
LARGE = 1024 * 1024  # bytes


def return_large_blocks() -> None:
    """Tell glibc's malloc to map every large block by itself, so that freeing it unmaps it.

    By default the threshold grows to the largest block that was ever freed, up to 32 MB, after which each of the
    server's threads keeps the space of a photo for good. Elsewhere than on Linux nothing is done.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none, and needs none
        if mallopt is not None:
            mallopt(MMAP_THRESHOLD, LARGE)
