"""Run the notebooks from top to bottom: `python -m data_analysis.run --data-root DIR`.

Writes `data_analysis/*.ipynb` and `DATA/plots/metadata_*.png` anew; with `--check` nothing is written and a
notebook whose committed outputs are no longer what comes out is named.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from tqdm import tqdm

from data_analysis import notebooks
from data_analysis.places import PLOTS, SPLITS, plots_folder, splits_folder
from data_analysis.profiles import SOURCES
from data_modelling.datasets.roots import REPOSITORY_DATA, MissingDataError, find_root
from data_modelling.inference.commands import run
from data_modelling.inference.errors import InputError


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and run the notebooks; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m data_analysis.run", description=__doc__)
    parser.add_argument("--data-root", type=Path, help="default: DATA_ROOT, else DATA")
    parser.add_argument("--splits", type=Path, default=splits_folder(), help="default: %(default)s")
    parser.add_argument(
        "--out", type=Path, default=notebooks.HERE, help="of the .ipynb; default: %(default)s"
    )
    parser.add_argument("--plots", type=Path, default=plots_folder(), help="default: %(default)s")
    parser.add_argument("--only", choices=notebooks.NAMES, help="default: all notebooks")
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    options = parser.parse_args(arguments)
    # A notebook runs in its own folder: the places must not depend on that of the command.
    data_root = (options.data_root or Path(os.environ.get("DATA_ROOT") or REPOSITORY_DATA)).resolve()
    places = {"DATA_ROOT": str(data_root), SPLITS: str(options.splits.resolve())}
    names = [options.only] if options.only else list(notebooks.NAMES)
    if options.check:
        return run(lambda: check(names, places, options.out))
    return run(lambda: make(names, places | {PLOTS: str(options.plots.resolve())}, options.out))


def make(names: list[str], places: dict[str, str], out: Path) -> list[str]:
    """Run the notebooks whose data is there and write them to `out`; why others were left out."""
    there, left_out = at_hand(names, Path(places["DATA_ROOT"]))
    for name in tqdm(there, desc="notebooks", disable=None):
        notebooks.write(notebooks.executed(name, places), out / f"{name}.ipynb")
    return left_out


def check(names: list[str], places: dict[str, str], out: Path) -> list[str]:
    """Run the notebooks whose data is there and compare them with those in `out`; why others were left out.

    Raises InputError that names every place where they differ.
    """
    there, left_out = at_hand(names, Path(places["DATA_ROOT"]))
    stale = []
    with tempfile.TemporaryDirectory() as plots:
        for name in tqdm(there, desc="notebooks", disable=None):
            committed = notebooks.read(out / f"{name}.ipynb")
            found = notebooks.differences(committed, notebooks.executed(name, places | {PLOTS: plots}))
            stale += [f"{name}.ipynb, {difference}" for difference in found]
    if stale:
        raise InputError(f"Stale, make them anew with `make notebooks`: {'; '.join(stale)}.")
    return left_out


def at_hand(names: list[str], data_root: Path) -> tuple[list[str], list[str]]:
    """The notebooks whose data set is there, and a line for each other one.

    Raises MissingDataError when there is none.
    """
    there, left_out = [], []
    for name in names:
        source = SOURCES[name]
        try:
            find_root(data_root, source.folder, *source.markers)
            there.append(name)
        except MissingDataError as error:
            left_out.append(f"left out {name}: {error}")
    if not there:
        raise MissingDataError(left_out[0])
    return there, left_out


if __name__ == "__main__":
    sys.exit(main())
