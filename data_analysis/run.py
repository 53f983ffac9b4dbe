"""Run the notebooks from top to bottom: `python -m data_analysis.run --data-root DIR`.

It writes `data_analysis/*.ipynb` and `DATA/plots/metadata_*.png` again.
"""

import argparse
import sys
from pathlib import Path

from tqdm import tqdm

from data_analysis import notebooks
from data_analysis.notebook_folders import PLOTS_VARIABLE, SPLITS_VARIABLE, plots_folder, splits_folder
from data_modelling.datasets.data_location import MissingDataError, base_folder
from data_modelling.datasets.registry import find_folder
from data_modelling.inference.command_line import run_with_exit_status


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m data_analysis.run", description=__doc__)
    parser.add_argument("--data-root", type=Path, help="default: DATA_ROOT, else DATA")
    parser.add_argument("--splits", type=Path, default=splits_folder(), help="default: %(default)s")
    parser.add_argument(
        "--out", type=Path, default=notebooks.NOTEBOOK_FOLDER, help="notebook folder; default: %(default)s"
    )
    parser.add_argument("--plots", type=Path, default=plots_folder(), help="default: %(default)s")
    parser.add_argument("--only", choices=notebooks.ALL_NAMES, help="default: all notebooks")
    options = parser.parse_args(arguments)
    # A notebook runs in its own folder, so the paths must be absolute.
    data_root = base_folder(options.data_root).resolve()
    environment = {
        "DATA_ROOT": str(data_root),
        SPLITS_VARIABLE: str(options.splits.resolve()),
        PLOTS_VARIABLE: str(options.plots.resolve()),
    }
    names = [options.only] if options.only else list(notebooks.ALL_NAMES)

    def command() -> list[str]:
        available, left_out = available_notebooks(names, data_root)
        for name in tqdm(available, desc="notebooks", disable=None):
            notebook = notebooks.execute_notebook(name, environment)
            notebooks.write_notebook(notebook, options.out / f"{name}.ipynb")
        return left_out

    return run_with_exit_status(command)


def available_notebooks(names: list[str], data_root: Path) -> tuple[list[str], list[str]]:
    """Return the notebooks that can run, and for each other notebook a line that says which data set is missing.

    Raises MissingDataError if notebooks need a data set, but none of their data sets is available.
    """
    available, left_out = [], []
    for name in names:
        try:
            find_folder(name, data_root)
            available.append(name)
        except MissingDataError as error:
            left_out.append(f"left out {name}: {error}")
    if left_out and set(available) <= {notebooks.OWN_PHOTOS}:
        raise MissingDataError(left_out[0])
    return available, left_out


if __name__ == "__main__":
    sys.exit(main())
