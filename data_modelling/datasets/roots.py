"""Where a data set's files are: the rule behind `--data-root` and DATA_ROOT."""

import argparse
import os
from collections.abc import Callable
from pathlib import Path

from data_modelling.inference.errors import InputError

REPOSITORY_DATA = Path(__file__).resolve().parents[2] / "DATA"


class MissingDataError(InputError):
    """A data set that is not at the place where it was looked for."""


def base_folder(data_root: Path | None) -> Path:
    """`--data-root` where it is given, else the environment's DATA_ROOT, else `DATA/` of the repository."""
    return data_root or Path(os.environ.get("DATA_ROOT") or REPOSITORY_DATA)


def first_place(base: Path, folder: str, holds: Callable[[Path], bool]) -> Path | None:
    """`base`, or its subfolder `folder`, whichever holds the data first; None when neither does."""
    return next((place for place in (base, base / folder) if holds(place)), None)


def find_root(data_root: Path | None, folder: str, *markers: str) -> Path:
    """The folder that holds a data set's files.

    data_root: the argument of `--data-root`; None takes the environment's DATA_ROOT, else `DATA/` of the
    repository. The files may lie in it or in its subfolder `folder`. markers: file names of which at least
    one shows that the data set is there (its csv under any of its names).

    Raises MissingDataError when no marker is in either place.
    """
    base = base_folder(data_root)
    place = first_place(base, folder, lambda one: any((one / marker).is_file() for marker in markers))
    if place is not None:
        return place
    raise MissingDataError(
        f"{folder} is not there: {' or '.join(markers)} is neither in {base} nor in {base / folder}; "
        "DATA/README.md tells how to get the data, --data-root or DATA_ROOT where it is looked for."
    )


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """`--data-root` and `--splits`, as all commands that read a data set have them."""
    parser.add_argument("--data-root", type=Path, help="folder of the data (default: DATA_ROOT, else DATA)")
    parser.add_argument(
        "--splits", type=Path, default=REPOSITORY_DATA / "splits", help="folder of the split files"
    )
