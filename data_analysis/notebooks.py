"""The notebooks as files: made from their `.py`, executed from top to bottom, and compared with what is committed."""

import asyncio
import copy
import math
import os
import signal
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from jupyter_client import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

from data_modelling.inference.errors import InputError
from data_modelling.inference.files import replaced_when_whole

HERE = Path(__file__).resolve().parent
NAMES = ("ham10000", "isic2019", "isic2020")
CELL_SECONDS = 600
TOLERANCE = 1e-4  # relative: of numbers behind a figure, which another machine may round another way
# Kept of a notebook's metadata: what pairs the two files and names the language, no version of anything.
METADATA = {
    "jupytext": {"formats": "ipynb,py:percent", "main_language": "python"},
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def script(name: str) -> Path:
    """The notebook's text, which is edited by hand."""
    return HERE / f"{name}.py"


def read_script(name: str) -> NotebookNode:
    """The notebook without outputs; the same text gives the same notebook."""
    notebook = jupytext.read(script(name), fmt="py:percent")
    notebook.metadata = nbformat.from_dict(copy.deepcopy(METADATA))
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for number, cell in enumerate(notebook.cells, 1):
        cell["id"] = f"cell-{number:02}"
        cell.metadata = nbformat.from_dict({})
    return notebook


def executed(name: str, environment: Mapping[str, str]) -> NotebookNode:
    """The notebook with its outputs, run in a kernel of its own with these environment variables added.

    Raises InputError when a cell fails or writes to standard error, where warnings go.
    """
    notebook = read_script(name)
    with tempfile.TemporaryDirectory() as folder:
        # The kernel is talked to through files that only this user may open, not through ports.
        kernel = AsyncKernelManager(
            kernel_name="python3", transport="ipc", connection_file=str(Path(folder, "kernel.json"))
        )
        client = NotebookClient(
            notebook,
            km=kernel,
            timeout=CELL_SECONDS,
            record_timing=False,
            resources={"metadata": {"path": str(HERE)}},
        )
        try:
            _run_to_the_end(client, kernel, os.environ | environment)
        except CellExecutionError as error:
            raise InputError(f"{name} stopped: {error.ename}: {_one_line(error.evalue)}") from error
    notebook.metadata = nbformat.from_dict(copy.deepcopy(METADATA))  # the kernel adds its Python's version
    for warning in warnings_in(notebook):
        raise InputError(f"{name} must run without a warning, but said: {_one_line(warning)}")
    return notebook


def _run_to_the_end(client: NotebookClient, kernel: AsyncKernelManager, environment: dict[str, str]) -> None:
    """Execute in a thread: in the main one nbclient would take Ctrl-C for itself and end in a traceback."""
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(client.execute, env=environment, cleanup_kc=True)
        try:
            done.result()
        except KeyboardInterrupt:
            asyncio.run(kernel.signal_kernel(signal.SIGKILL))
            raise


def _one_line(text: str) -> str:
    return " ".join(text.split())


def warnings_in(notebook: NotebookNode) -> list[str]:
    """What the cells wrote to standard error."""
    return [output.text for output in _outputs(notebook) if output.get("name") == "stderr"]


def _outputs(notebook: NotebookNode) -> list[NotebookNode]:
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def write(notebook: NotebookNode, path: Path) -> None:
    """Write a notebook; a file that is there is replaced."""
    nbformat.validate(notebook)
    with replaced_when_whole(path) as temporary:
        temporary.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")


def read(path: Path) -> NotebookNode:
    """A notebook as committed.

    Raises InputError when it is not there.
    """
    if not path.is_file():
        raise InputError(f"{path.name} is not there; `make notebooks` makes it.")
    return nbformat.read(path, as_version=4)


def differences(old: NotebookNode, new: NotebookNode) -> list[str]:
    """Where two notebooks differ in source, text, tables or the data behind a figure; pixels do not count."""
    if len(old.cells) != len(new.cells):
        return [f"{len(old.cells)} cells instead of {len(new.cells)}"]
    found = []
    for number, (one, other) in enumerate(zip(old.cells, new.cells, strict=True), 1):
        if (one.cell_type, one.source) != (other.cell_type, other.source):
            found.append(f"cell {number}: the source")
        elif not _alike(contents(one), contents(other)):
            found.append(f"cell {number}: the output")
    return found


def contents(cell: NotebookNode) -> list[Any]:
    """A cell's outputs without pictures and without what may change from run to run."""
    kept = []
    for output in cell.get("outputs", []):
        if "data" in output:
            kept.append({kind: value for kind, value in output.data.items() if not kind.startswith("image/")})
        else:
            kept.append([output.output_type, output.get("name"), output.get("text"), output.get("evalue")])
    return kept


def _alike(one: Any, other: Any) -> bool:
    """Equal, numbers up to TOLERANCE."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_alike(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(_alike(*pair) for pair in zip(one, other, strict=True))
    if isinstance(one, float) or isinstance(other, float):
        numbers = isinstance(one, int | float) and isinstance(other, int | float)
        return numbers and math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return bool(one == other)
