"""The update of a bundle: the changed copy takes the bundle's place only when it is complete."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from data_modelling.inference.bundle import Bundle, load_bundle
from data_modelling.inference.errors import InputError

STOPPED_MESSAGE = "Stopped; the bundle is unchanged."  # of a command that is stopped during an update


@contextmanager
def update_bundle(folder: Path) -> Iterator[Bundle]:
    """Yield a copy of the bundle that can be changed; it becomes the bundle when the block ends without an error.

    After an exception (Ctrl-C included) the bundle is unchanged. Raises BundleError for a folder that is not a complete
    bundle. An InputError of the block names the folder of the bundle, not of the copy.
    """
    load_bundle(folder)
    folder = folder.resolve()  # so that a link to a bundle stays a link
    copy, previous = (folder.with_name(f".{folder.name}.{kind}-{os.getpid()}.tmp") for kind in ("new", "old"))
    try:
        shutil.copytree(folder, copy)
        yield load_bundle(copy)
        folder.rename(previous)
        copy.rename(folder)
    except InputError as error:
        error.args = (str(error).replace(str(copy), str(folder)),)
        raise
    finally:
        if previous.exists() and not folder.exists():
            previous.rename(folder)
        for leftover in (copy, previous):
            if leftover.exists():
                shutil.rmtree(leftover)
