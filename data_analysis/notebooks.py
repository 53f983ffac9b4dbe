"""Read the notebooks, execute them from top to bottom, and write them with their outputs."""

import asyncio
import os
import signal
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
from jupyter_client import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

from data_modelling.inference.errors import InputError
from data_modelling.inference.files.atomic_files import atomic_write

NOTEBOOK_FOLDER = Path(__file__).resolve().parent
NOTEBOOK_NAMES = ("ham10000", "isic2019", "isic2020")  # data sets; each has a notebook
OWN_PHOTOS = "own_photos"  # this notebook needs no data set
ALL_NAMES = (*NOTEBOOK_NAMES, OWN_PHOTOS)
CELL_SECONDS = 600  # nbclient raises CellTimeoutError if a cell takes longer
# The metadata that a notebook keeps. The versions that the kernel adds are left out.
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def execute_notebook(name: str, environment: Mapping[str, str]) -> NotebookNode:
    """Run a notebook in its own kernel, with these environment variables added; return it with its outputs.

    Raises InputError if the notebook is absent, or a cell fails or writes to standard error (where warnings go).
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
            raise InputError(f"{name} stopped: {error.ename}: {' '.join(error.evalue.split())}") from error
    notebook.metadata = nbformat.from_dict(METADATA)
    for warning in warnings_in(notebook):
        raise InputError(f"{name} must run without a warning, but said: {warning}")
    return notebook


def _run_to_the_end(client: NotebookClient, kernel: AsyncKernelManager, environment: dict[str, str]) -> None:
    """Execute in a thread, because in the main thread nbclient would answer Ctrl-C with a traceback."""
    with ThreadPoolExecutor(1) as pool:
        execution = pool.submit(client.execute, env=environment, cleanup_kc=True)
        try:
            execution.result()
        except KeyboardInterrupt:
            asyncio.run(_kill(kernel))
            raise


async def _kill(kernel: AsyncKernelManager) -> None:
    await kernel.signal_kernel(signal.SIGKILL)


def warnings_in(notebook: NotebookNode) -> list[str]:
    """Return the lines that the cells wrote to standard error, without our warnings about a data set's files."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    lines = "\n".join(output.text for output in outputs if output.get("name") == "stderr").splitlines()
    return [line for line in lines if not line.startswith("warning: ")]


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
