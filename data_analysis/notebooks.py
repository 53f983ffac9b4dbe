"""Execute the notebooks from top to bottom, and compare them with the committed ones."""

import asyncio
import math
import os
import signal
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

from data_modelling.inference.errors import InputError
from data_modelling.inference.files.atomic_files import atomic_write

NOTEBOOK_FOLDER = Path(__file__).resolve().parent
NOTEBOOK_NAMES = ("ham10000", "isic2019", "isic2020")  # those that profile a data set, by its name
OWN_PHOTOS = "own_photos"  # needs no data set
ALL_NAMES = (*NOTEBOOK_NAMES, OWN_PHOTOS)
CELL_SECONDS = 600
TOLERANCE = 1e-4  # relative, of a figure's numbers, which another machine may round differently
# The metadata that a notebook keeps: without the versions that the kernel adds.
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def execute_notebook(name: str, environment: Mapping[str, str]) -> NotebookNode:
    """Return the notebook with its outputs, run in its own kernel with these environment variables added.

    Raises InputError if a cell fails or writes to standard error, where warnings go.
    """
    notebook = read_notebook(NOTEBOOK_FOLDER / f"{name}.ipynb")
    with tempfile.TemporaryDirectory() as folder:
        # The kernel communicates through files that only this user may open, not through ports.
        kernel = AsyncKernelManager(
            kernel_name="python3", transport="ipc", connection_file=str(Path(folder, "kernel.json"))
        )
        client = NotebookClient(
            notebook,
            km=kernel,
            timeout=CELL_SECONDS,
            record_timing=False,
            resources={"metadata": {"path": str(NOTEBOOK_FOLDER)}},
        )
        try:
            _run_to_the_end(client, kernel, os.environ | environment)
        except CellExecutionError as error:
            raise InputError(f"{name} stopped: {error.ename}: {_one_line(error.evalue)}") from error
    notebook.metadata = nbformat.from_dict(METADATA)
    for warning in warnings_in(notebook):
        raise InputError(f"{name} must run without a warning, but said: {_one_line(warning)}")
    return notebook


def _run_to_the_end(client: NotebookClient, kernel: AsyncKernelManager, environment: dict[str, str]) -> None:
    """Execute in a thread: in the main thread, nbclient would handle Ctrl-C itself and end in a traceback."""
    with ThreadPoolExecutor(1) as pool:
        execution = pool.submit(client.execute, env=environment, cleanup_kc=True)
        try:
            execution.result()
        except KeyboardInterrupt:
            asyncio.run(_kill(kernel))
            raise


async def _kill(kernel: AsyncKernelManager) -> None:
    await kernel.signal_kernel(signal.SIGKILL)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def warnings_in(notebook: NotebookNode) -> list[str]:
    """Return what the cells wrote to standard error."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [output.text for output in outputs if output.get("name") == "stderr"]


def write_notebook(notebook: NotebookNode, path: Path) -> None:
    """Write a notebook; replace an existing file."""
    nbformat.validate(notebook)
    with atomic_write(path) as temporary:
        temporary.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")


def read_notebook(path: Path) -> NotebookNode:
    """Return a notebook; raise InputError when it is missing."""
    if not path.is_file():
        raise InputError(f"{path.name} is missing.")
    return nbformat.read(path, as_version=4)


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
