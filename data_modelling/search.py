"""Search the custom CNN's shape and training with KerasTuner.

python -m data_modelling.search --config data_modelling/configs/search.toml --data-root DATA --out DATA/runs/search
"""

import argparse
import sys
from pathlib import Path

from data_modelling.datasets.roots import add_data_options
from data_modelling.inference.commands import run
from data_modelling.settings import read_settings

KINDS = ("hyperband", "random", "bayesian")


def main(arguments: list[str] | None = None) -> int:
    """Parse and call; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m data_modelling.search", description="Search a recipe.")
    parser.add_argument("--config", type=Path, required=True, help="recipe that the search starts from")
    add_data_options(parser)
    parser.add_argument("--out", type=Path, required=True, help="folder of trials and results")
    parser.add_argument("--tuner", choices=KINDS, default=KINDS[0], help="how trials are chosen")
    parser.add_argument("--trials", type=int, default=20, help="networks to try (hyperband: by its brackets)")
    parser.add_argument("--epochs", type=int, default=18, help="epochs of the longest training")
    parser.add_argument("--resume", action="store_true", help="go on with the unfinished search in OUT")
    options = parser.parse_args(arguments)

    def command() -> list[str]:
        settings = read_settings(options.config)
        from data_modelling.training.road import Sources  # these load Keras: after the first check
        from data_modelling.tuning.searching import search

        sources = Sources(options.data_root, options.splits)
        return search(
            settings, sources, options.out, options.tuner, options.trials, options.epochs, options.resume
        )

    return run(command, stopped="Stopped; finished trials are kept: the same command with --resume goes on.")


if __name__ == "__main__":
    sys.exit(main())
