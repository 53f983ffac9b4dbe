"""Updates a bundle (folder of a trained model) through a copy, and publishes a bundle's results in the documents."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from data_modelling.card.model_card import (
    has_markdown_block,
    results_text,
    summary_text,
    update_markdown_block,
)
from data_modelling.inference.bundle import Bundle, load_bundle
from data_modelling.inference.errors import InputError
from data_modelling.inference.files.atomic_files import atomic_write

OPTIONAL_PLOTS = ("elsewhere", "locked_test", "shortcut_examples", "shortcuts")
STOPPED_MESSAGE = "Stopped; the bundle is unchanged."  # for a command that is stopped during an update


@contextmanager
def update_bundle(folder: Path) -> Iterator[Bundle]:
    """Yield a copy of the bundle for changes. The copy replaces the bundle if the `with` block ends without an error.

    After an exception (Ctrl-C included) the bundle is unchanged. Raises BundleError for a folder that is not a complete
    bundle. An InputError in the `with` block names the folder of the bundle, not of the copy.
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


def publish_bundle(bundle: Path, metadata: dict[str, Any], values: dict[str, Any], project: Path) -> None:
    """Rewrite the bundle's blocks of text in the documents and replace its plots in DATA/plots (`NAME_*.png`).

    Two HTML comments enclose a block. A page of docs has the block `results NAME` with all results. The README has the
    block `summary NAME` for the default bundle. Raises InputError if no page has the block `results NAME`.
    """
    name = f"results {metadata['name']}"
    pages = [page for page in sorted((project / "docs").glob("*.md")) if has_markdown_block(page, name)]
    if not pages:
        raise InputError(
            f"No page of {project / 'docs'} has a block <!-- {name} --> ... <!-- /{name} -->; "
            "add one where the table belongs."
        )
    for page in pages:
        update_markdown_block(page, name, results_text(metadata, values))
    readme, summary = project / "README.md", f"summary {metadata['name']}"
    if has_markdown_block(readme, summary):
        update_markdown_block(readme, summary, summary_text(metadata, values))
    for plot_name in OPTIONAL_PLOTS:  # an older version of the bundle may have had a plot that this one lacks
        (project / "DATA" / "plots" / f"{metadata['name']}_{plot_name}.png").unlink(missing_ok=True)
    for plot in sorted((bundle / "plots").glob("*.png")):
        with atomic_write(project / "DATA" / "plots" / f"{metadata['name']}_{plot.name}") as temporary:
            shutil.copyfile(plot, temporary)
