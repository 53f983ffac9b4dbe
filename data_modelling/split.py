"""Write a split file for each available data set; the file assigns each photo to the locked test or to a fold.

The locked test is kept for the final evaluation. A network predicts one fold and is trained on the other folds.
python -m data_modelling.split --data-root DIR
python -m data_modelling.split --config RECIPE --data-root DIR     (for recipes with class folders or TFRecord shards)
"""

import argparse
import sys
from pathlib import Path

from data_modelling.datasets.data_location import REPOSITORY_DATA
from data_modelling.datasets.splits.files import write_recipe_split, write_splits
from data_modelling.inference.command_line import run_with_exit_status
from data_modelling.inference.errors import InputError
from data_modelling.settings import read_settings


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m data_modelling.split", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--data-root", type=Path, help="folder of the data (default: DATA_ROOT, else DATA)")
    parser.add_argument(
        "--out", type=Path, default=REPOSITORY_DATA / "splits", help="folder of splits (default: %(default)s)"
    )
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="NAME",
        help="data set to split, such as ham10000; may be repeated (default: all that are available)",
    )
    parser.add_argument(
        "--config", type=Path, help="recipe with class folders or TFRecord shards, whose photos are split"
    )
    parser.add_argument("--strict", action="store_true", help="any problem in the data set is an error")
    parser.add_argument("--force", action="store_true", help="replace existing split files")
    options = parser.parse_args(arguments)

    def command() -> list[str]:
        if options.config:
            if options.only:
                raise InputError("--only names data sets, and --config names a recipe; give one of them.")
            file, left_out = write_recipe_split(
                read_settings(options.config), options.data_root, options.out, options.force, options.strict
            )
            files = [file]
        else:
            files, left_out = write_splits(
                options.data_root, options.out, options.force, options.only, options.strict
            )
        print("written:", *files, sep="\n")
        return [f"left out: {reason}" for reason in left_out]

    return run_with_exit_status(command)


if __name__ == "__main__":
    sys.exit(main())
