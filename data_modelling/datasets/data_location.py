"""Finds the folder of a data set's files in or below `--data-root` (default: DATA_ROOT, else the repository's DATA)."""

import argparse
import os
from collections.abc import Callable, Iterable
from pathlib import Path, PurePath

from data_modelling.inference.errors import InputError

REPOSITORY_DATA = Path(__file__).resolve().parents[2] / "DATA"


class MissingDataError(InputError):
    """Is raised when a data set is in none of the searched folders."""


def base_folder(data_root: Path | None) -> Path:
    """Return `data_root` if it is not None, else the environment's DATA_ROOT, else `DATA/` of the repository."""
    return data_root or Path(os.environ.get("DATA_ROOT") or REPOSITORY_DATA)


def find_first_folder(base: Path, folder: str, has_data: Callable[[Path], bool]) -> Path | None:
    """Return `base` if it has the data, else its subfolder `folder` if the data is there, else None."""
    return next((candidate for candidate in (base, base / folder) if has_data(candidate)), None)


def find_dataset_folder(data_root: Path | None, folder: str, *markers: str) -> Path:
    """Return the folder that holds a data set's files: the folder that base_folder returns, or its subfolder `folder`.

    markers: file names, such as the possible names of the csv; if one of these files exists, the data set exists. A
    marker such as `ISIC_MSK_UDA/labels.csv` counts only in a folder named ISIC_MSK_UDA, because other data sets have
    a labels.csv too. Raises MissingDataError if no marker is in either folder.
    """
    base = base_folder(data_root)
    root = find_first_folder(
        base, folder, lambda candidate: any(_has_marker(candidate, marker) for marker in markers)
    )
    if root is not None:
        return root
    raise MissingDataError(
        f"{folder} is not there: {' or '.join(markers)} is neither in {base} nor in {base / folder}; "
        "DATA/README.md tells how to get the data, and --data-root or DATA_ROOT names the folder to search."
    )


def _has_marker(folder: Path, marker: str) -> bool:
    *parents, name = PurePath(marker).parts
    return (folder / name).is_file() and parents in ([], [folder.name])


def find_subfolders(root: Path, names: Iterable[str]) -> list[Path]:
    """Return the existing subfolders of `root` with these names; capital and small letters count as equal."""
    folders = [_find_subfolder(root, *PurePath(name).parts) for name in names]
    return [folder for folder in folders if folder]


def _find_subfolder(root: Path, *parts: str) -> Path | None:
    if not parts:
        return root
    name, *rest = parts
    others = sorted(root.iterdir()) if root.is_dir() else []
    matches = [path for path in others if path.name.casefold() == name.casefold() and path.is_dir()]
    folder = root / name if root / name in matches else next(iter(matches), None)
    return _find_subfolder(folder, *rest) if folder else None


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """Add `--data-root` and `--splits`, which all commands that read a data set have."""
    parser.add_argument("--data-root", type=Path, help="folder of the data (default: DATA_ROOT, else DATA)")
    parser.add_argument("--splits", type=Path, default=REPOSITORY_DATA / "splits", help="folder of splits")
