"""The publication of a bundle's results in the project's documents and in DATA/plots."""

import shutil
from pathlib import Path
from typing import Any

from data_modelling.card.model_card import (
    has_markdown_block,
    results_text,
    summary_text,
    update_markdown_block,
)
from data_modelling.inference.errors import InputError
from data_modelling.inference.files.atomic_files import atomic_write


def publish_bundle(bundle: Path, metadata: dict[str, Any], values: dict[str, Any], project: Path) -> None:
    """Rewrite the bundle's blocks in the documents and copy its plots to `DATA/plots/NAME_*.png`.

    A page of docs has the block `results NAME` with all results. The README has `summary NAME` for the default bundle.
    Raises InputError if no page has the block `results NAME`.
    """
    name = f"results {metadata['name']}"
    pages = [page for page in sorted((project / "docs").glob("*.md")) if has_markdown_block(page, name)]
    if not pages:
        raise InputError(
            f"No page of {project / 'docs'} has a block <!-- {name} --> ... <!-- /{name} -->; "
            "put one where the table belongs."
        )
    for page in pages:
        update_markdown_block(page, name, results_text(metadata, values))
    readme, summary = project / "README.md", f"summary {metadata['name']}"
    if has_markdown_block(readme, summary):
        update_markdown_block(readme, summary, summary_text(metadata, values))
    for plot in sorted((bundle / "plots").glob("*.png")):
        with atomic_write(project / "DATA" / "plots" / f"{metadata['name']}_{plot.name}") as temporary:
            shutil.copyfile(plot, temporary)
