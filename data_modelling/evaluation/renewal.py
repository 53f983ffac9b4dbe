"""A changed bundle takes its own place when it is whole, so that no stopped command leaves one that cannot be read."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from data_modelling.inference.bundle import Bundle, load_bundle
from data_modelling.inference.errors import InputError

STOPPED = "Stopped; the bundle is as it was."  # what a command says that was stopped in `renewed`


@contextmanager
def renewed(folder: Path) -> Iterator[Bundle]:
    """Yield a copy of the bundle, to be changed; it becomes the bundle when the block ends well.

    After an exception (Ctrl-C included) the bundle is as it was. Raises BundleError for a folder that is no whole bundle;
    an InputError of the block names the folder, not the copy.
    """
    load_bundle(folder)
    folder = folder.resolve()  # a link to a bundle stays one
    copy, before = (folder.with_name(f".{folder.name}.{kind}-{os.getpid()}.tmp") for kind in ("new", "old"))
    try:
        shutil.copytree(folder, copy)
        yield load_bundle(copy)
        folder.rename(before)
        copy.rename(folder)
    except InputError as error:
        error.args = (str(error).replace(str(copy), str(folder)),)
        raise
    finally:
        if before.exists() and not folder.exists():
            before.rename(folder)
        for left in (copy, before):
            if left.exists():
                shutil.rmtree(left)
