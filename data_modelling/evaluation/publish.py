"""Carry a bundle's figures to where readers look first: the project's README and DATA/plots."""

import shutil
from pathlib import Path
from typing import Any

from data_modelling.evaluation.card import update_block
from data_modelling.evaluation.results import results
from data_modelling.inference.files import replaced_when_whole


def publish(bundle: Path, metadata: dict[str, Any], values: dict[str, Any], project: Path) -> None:
    """Rewrite the README's block `results NAME` and copy the plots to `DATA/plots/NAME_*.png`."""
    update_block(project / "README.md", block_name(metadata), results(values))
    for plot in sorted((bundle / "plots").glob("*.png")):
        with replaced_when_whole(project / "DATA" / "plots" / f"{metadata['name']}_{plot.name}") as temporary:
            shutil.copyfile(plot, temporary)


def block_name(metadata: dict[str, Any]) -> str:
    """The name of the README's block for a bundle."""
    return f"results {metadata['name']}"
