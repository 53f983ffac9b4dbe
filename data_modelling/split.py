"""Write the splits of the data sets at hand, as ids: `python -m data_modelling.split --data-root DIR`."""

import argparse
import sys
from pathlib import Path

from data_modelling.datasets.roots import REPOSITORY_DATA
from data_modelling.datasets.split_files import write_splits
from data_modelling.inference.commands import run


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and write the splits; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m data_modelling.split", description=__doc__)
    parser.add_argument("--data-root", type=Path, help="default: DATA_ROOT, else DATA")
    parser.add_argument("--out", type=Path, default=REPOSITORY_DATA / "splits", help="default: %(default)s")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="NAME",
        help="a data set to split, such as ham10000; may be repeated (default: all that are there)",
    )
    parser.add_argument("--force", action="store_true", help="replace split files that are there")
    options = parser.parse_args(arguments)

    def command() -> list[str]:
        files, left_out = write_splits(options.data_root, options.out, options.force, options.only)
        print("written:", *files, sep="\n")
        return [f"left out: {reason}" for reason in left_out]

    return run(command)


if __name__ == "__main__":
    sys.exit(main())
