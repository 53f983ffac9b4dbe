"""Write the photos of a data set, resized or unchanged, as class folders or TFRecord shards that a training can read.

python -m data_modelling.prepare --config data_modelling/configs/ham10000.toml --to class_folders --out DATA/class_folders
python -m data_modelling.prepare --config data_modelling/configs/ham10000.toml --to tfrecord --edge 112 --out DATA/tfrecord
"""

import argparse
import sys
from pathlib import Path

from msgspec import structs

from data_modelling.datasets.data_location import add_data_options
from data_modelling.inference.command_line import run_with_exit_status
from data_modelling.inference.cpu_cores import usable_cores
from data_modelling.inference.errors import InputError
from data_modelling.settings import read_settings


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m data_modelling.prepare",
        description="Write a data set as class folders or TFRecord shards, resized or unchanged. Recipes can read both.",
    )
    parser.add_argument("--config", type=Path, required=True, help="recipe that names the data set")
    add_data_options(parser)
    parser.add_argument("--to", choices=("class_folders", "tfrecord"), required=True)
    parser.add_argument("--out", type=Path, required=True, help="new folder to write")
    parser.add_argument(
        "--edge",
        type=int,
        help="edge of the written square photos in pixels; 0 keeps the files as they are (default: the recipe's)",
    )
    parser.add_argument(
        "--workers", type=int, default=usable_cores(), help="number of threads (default: %(default)s)"
    )
    parser.add_argument("--resume", action="store_true", help="resume the unfinished work in OUT")
    parser.add_argument("--strict", action="store_true", help="any problem in the data set is an error")
    options = parser.parse_args(arguments)

    def command() -> list[str]:
        if options.workers < 1:
            raise InputError(f"--workers must be at least 1, not {options.workers}.")
        settings = read_settings(options.config)
        from data_modelling.datasets.formats.preparation import PreparationPlan, prepare_dataset
        from data_modelling.datasets.registry import load_table

        table, report = load_table(settings, options.data_root, options.strict)
        prepared = settings.prepared
        if options.edge is not None:
            prepared = structs.replace(prepared, edge=options.edge)
        broken = prepare_dataset(
            table, PreparationPlan(options.to, options.out, prepared, options.workers), options.resume
        )
        return ([str(report)] if report else []) + broken

    return run_with_exit_status(
        command, stopped="Stopped; written files are kept. Run it again with --resume to continue."
    )


if __name__ == "__main__":
    sys.exit(main())
