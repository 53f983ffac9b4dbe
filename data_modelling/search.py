"""Search with KerasTuner for better hyperparameters of the custom CNN: its layers, training and augmentation.

python -m data_modelling.search --config data_modelling/configs/search.toml --data-root DATA --out DATA/runs/search
"""

import argparse
import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from data_modelling.datasets.data_location import add_data_options
from data_modelling.inference.batch.ray_cluster import RAY, add_engine_options, connect_to_ray
from data_modelling.inference.command_line import run_with_exit_status
from data_modelling.settings import read_settings

KINDS = ("hyperband", "random", "bayesian")


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m data_modelling.search", description="Search for a better recipe."
    )
    parser.add_argument("--config", type=Path, required=True, help="recipe that the search starts from")
    add_data_options(parser)
    parser.add_argument("--out", type=Path, required=True, help="folder of trials and results")
    parser.add_argument("--tuner", choices=KINDS, default=KINDS[0], help="how trials are chosen")
    parser.add_argument("--trials", type=int, default=20, help="networks to try (hyperband ignores it)")
    parser.add_argument("--epochs", type=int, default=18, help="epochs of the longest training")
    parser.add_argument("--resume", action="store_true", help="resume the unfinished search in OUT")
    add_engine_options(parser)
    parser.add_argument(
        "--workers", type=int, default=2, help="trials at once with --engine ray (default: %(default)s)"
    )
    options = parser.parse_args(arguments)

    def command() -> list[str]:
        settings = read_settings(options.config)
        # These imports load Keras, which takes seconds, so the recipe is checked first.
        from data_modelling.studies.tuning.search import run_search
        from data_modelling.studies.tuning.tuners import run_trials_here, run_trials_on_cluster
        from data_modelling.training.development_set import DataFolders

        sources = DataFolders(options.data_root, options.splits)
        with ExitStack() as stack:
            run_trials = run_trials_here
            if options.engine == RAY:
                ray = stack.enter_context(connect_to_ray(options.address))
                run_trials = partial(run_trials_on_cluster, ray=ray, workers=options.workers)
            counts = options.trials, options.epochs
            return run_search(
                settings, sources, options.out, options.tuner, *counts, options.resume, run_trials
            )

    return run_with_exit_status(
        command, stopped="Stopped; finished trials are kept. Run it again with --resume to continue."
    )


if __name__ == "__main__":
    sys.exit(main())
