"""Compare executed notebooks with committed ones."""

import math
from typing import Any

from nbformat import NotebookNode

TOLERANCE = 1e-4  # relative, of a figure's numbers, which another machine may round differently


def notebook_differences(old: NotebookNode, new: NotebookNode) -> list[str]:
    """Return the differences of two notebooks in source, text, tables and data of figures; pixels do not count."""
    if len(old.cells) != len(new.cells):
        return [f"{len(old.cells)} cells instead of {len(new.cells)}"]
    differences = []
    for number, (old_cell, new_cell) in enumerate(zip(old.cells, new.cells, strict=True), 1):
        if (old_cell.cell_type, old_cell.source) != (new_cell.cell_type, new_cell.source):
            differences.append(f"cell {number}: the source")
        elif not _are_equal(comparable_outputs(old_cell), comparable_outputs(new_cell)):
            differences.append(f"cell {number}: the output")
    return differences


def comparable_outputs(cell: NotebookNode) -> list[Any]:
    """Return a cell's outputs without pictures and parts that may change from run to run."""
    return [
        {kind: value for kind, value in output.data.items() if not kind.startswith("image/")}
        if "data" in output
        else [output.output_type, *map(output.get, ("name", "text", "evalue"))]
        for output in cell.get("outputs", [])
    ]


def _are_equal(old: Any, new: Any) -> bool:
    """Return whether two values are equal, numbers up to TOLERANCE."""
    if isinstance(old, dict) and isinstance(new, dict):
        return old.keys() == new.keys() and all(_are_equal(old[key], new[key]) for key in old)
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(_are_equal(*pair) for pair in zip(old, new, strict=True))
    if isinstance(old, float) and isinstance(new, int | float):
        return math.isclose(old, new, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return bool(old == new)
