"""Photos to bundle.

python -m data_modelling.train --config data_modelling/configs/ham10000.toml --data-root DATA --out DATA/runs/ham10000
"""

import argparse
import sys
from pathlib import Path

from data_modelling.datasets.roots import add_data_options
from data_modelling.inference.commands import run
from data_modelling.settings import MORE_FOLDS, read_settings, with_folds


def main(arguments: list[str] | None = None) -> int:
    """Parse and call; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m data_modelling.train", description="Photos to bundle.")
    parser.add_argument("--config", type=Path, required=True, help="recipe, a TOML of data_modelling/configs")
    add_data_options(parser)
    parser.add_argument(
        "--out", type=Path, required=True, help="folder of the bundle; OUT.work keeps the stages"
    )
    parser.add_argument("--resume", action="store_true", help="go on with the unfinished run in OUT.work")
    parser.add_argument("--strict", action="store_true", help="anything wrong with the data set is an error")
    parser.add_argument(
        "--folds", type=int, choices=MORE_FOLDS, help="how many folds (default: the recipe's)"
    )
    parser.add_argument("--fold", help="fold that gives the figures, or all (default: the recipe's)")
    options = parser.parse_args(arguments)

    def command() -> list[str]:
        settings = with_folds(read_settings(options.config), options.folds, options.fold)
        from data_modelling.training.road import Sources, train  # loads Keras: after the first check

        return train(
            settings, Sources(options.data_root, options.splits, options.strict), options.out, options.resume
        )

    return run(command, stopped="Stopped; what is finished is kept: the same command with --resume goes on.")


if __name__ == "__main__":
    sys.exit(main())
