"""Train a model from photos and write its bundle.

python -m data_modelling.train --config data_modelling/configs/ham10000.toml --data-root DATA --out DATA/runs/ham10000
"""

import argparse
import sys
from pathlib import Path

from data_modelling.datasets.data_location import add_data_options
from data_modelling.inference.batch.ray_cluster import RAY, add_engine_options, connect_to_ray
from data_modelling.inference.command_line import run_with_exit_status
from data_modelling.settings import read_settings, settings_with_fold


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m data_modelling.train", description="Train a model from photos and write its bundle."
    )
    parser.add_argument("--config", type=Path, required=True, help="recipe, a file in data_modelling/configs")
    add_data_options(parser)
    parser.add_argument("--out", type=Path, required=True, help="bundle folder; OUT.work keeps its stages")
    parser.add_argument("--resume", action="store_true", help="resume the unfinished run in OUT.work")
    parser.add_argument("--strict", action="store_true", help="any problem in the data set is an error")
    parser.add_argument("--fold", help="fold that gives the metrics, or all (default: the recipe's)")
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="NETWORK",
        help="train only these networks (fold0 ..., served); other commands can train the rest. Then run without "
        "--only, but with --resume, to make the bundle",
    )
    add_engine_options(parser)
    options = parser.parse_args(arguments)

    def command() -> list[str]:
        settings = settings_with_fold(read_settings(options.config), options.fold)
        from data_modelling.pipeline.work_folder import check_bundle_is_new, check_run, work_folder

        if options.engine == RAY:
            check_bundle_is_new(options.out)
        sources = options.data_root, options.splits
        check_run(settings, *sources, options.out, options.only or (), options.resume)
        # These imports load Keras, so they come after all checks that do not need it.
        from data_modelling.pipeline.run_networks import train_networks
        from data_modelling.pipeline.training_run import train_bundle
        from data_modelling.training.development_set import DataFolders

        folders = DataFolders(*sources, options.strict)
        networks = settings, folders, work_folder(options.out), options.only
        if options.engine == RAY:
            from data_modelling.pipeline.cluster_networks import train_networks_on_cluster

            with connect_to_ray(options.address) as ray:
                train_networks_on_cluster(ray, *networks, options.resume)
        run = train_networks(*networks, resume=options.resume or options.engine == RAY)
        return run.left_out if options.only else train_bundle(run, options.out)

    return run_with_exit_status(
        command, stopped="Stopped; finished stages are kept. Run it again with --resume to continue."
    )


if __name__ == "__main__":
    sys.exit(main())
