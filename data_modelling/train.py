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
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="NETWORK",
        help="train these networks (fold0 ..., served) and no more, so that others may be trained beside them; "
        "without it, the command goes on where they are",
    )
    options = parser.parse_args(arguments)

    def command() -> list[str]:
        settings = with_folds(read_settings(options.config), options.folds, options.fold)
        from data_modelling.training import road  # loads Keras: after the first check

        sources = road.Sources(options.data_root, options.splits, options.strict)
        if options.only:
            work = road.work_folder(options.out)
            return road.train_networks(settings, sources, work, options.only, options.resume)
        return road.train(settings, sources, options.out, options.resume)

    return run(command, stopped="Stopped; what is finished is kept: the same command with --resume goes on.")


if __name__ == "__main__":
    sys.exit(main())
