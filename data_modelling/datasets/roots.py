"""Where a data set's files are: the rule behind `--data-root` and DATA_ROOT."""

import os
from pathlib import Path

from data_modelling.inference.errors import InputError

REPOSITORY_DATA = Path(__file__).resolve().parents[2] / "DATA"


class MissingDataError(InputError):
    """A data set that is not at the place where it was looked for."""


def base_folder(data_root: Path | None) -> Path:
    """`--data-root` where it is given, else the environment's DATA_ROOT, else `DATA/` of the repository."""
    return data_root or Path(os.environ.get("DATA_ROOT") or REPOSITORY_DATA)


def find_root(data_root: Path | None, folder: str, *markers: str) -> Path:
    """The folder that holds a data set's files.

    data_root: the argument of `--data-root`; None takes the environment's DATA_ROOT, else `DATA/` of the
    repository. The files may lie in it or in its subfolder `folder`. markers: file names of which at least
    one shows that the data set is there (its csv under any of its names).

    Raises MissingDataError when no marker is in either place.
    """
    base = base_folder(data_root)
    for place in (base, base / folder):
        if any((place / marker).is_file() for marker in markers):
            return place
    raise MissingDataError(
        f"{folder} is not there: {' or '.join(markers)} is neither in {base} nor in {base / folder}; "
        "DATA/README.md tells how to get the data, --data-root or DATA_ROOT where it is looked for."
    )
