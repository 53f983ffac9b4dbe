"""A data set as class folders or TFRecord shards, resized or as it is; both train as the original does.

python -m data_modelling.prepare --config data_modelling/configs/ham10000.toml --to class_folders --out DATA/class_folders
python -m data_modelling.prepare --config data_modelling/configs/ham10000.toml --to tfrecord --edge 112 --out DATA/tfrecord
"""

import argparse
import dataclasses
import os
import sys
from pathlib import Path

from data_modelling.datasets.roots import REPOSITORY_DATA
from data_modelling.inference.commands import run
from data_modelling.settings import read_settings


def main(arguments: list[str] | None = None) -> int:
    """Parse and call; the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m data_modelling.prepare", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--config", type=Path, required=True, help="recipe that names the data set")
    parser.add_argument("--data-root", type=Path, help="folder of the data (default: DATA_ROOT, else DATA)")
    parser.add_argument("--to", choices=("class_folders", "tfrecord"), required=True)
    parser.add_argument("--out", type=Path, required=True, help="new folder to write")
    parser.add_argument(
        "--edge",
        type=int,
        help="pixels of the square kept, 0: the files (default: the recipe's)",
    )
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count() or 1, help="default: %(default)s processes"
    )
    parser.add_argument(
        "--splits",
        type=Path,
        default=REPOSITORY_DATA / "splits",
        help="folder of the split files: no colours are judged on the locked test, which is converted like the rest",
    )
    parser.add_argument("--resume", action="store_true", help="go on with what was begun in OUT")
    parser.add_argument("--strict", action="store_true", help="anything wrong with the data set is an error")
    options = parser.parse_args(arguments)

    def command() -> list[str]:
        settings = read_settings(options.config)
        from data_modelling.datasets import load_table
        from data_modelling.datasets.colours import warn_of_blue
        from data_modelling.datasets.preparing import Plan, prepare
        from data_modelling.datasets.split_files import split_file
        from data_modelling.datasets.splits import outside_test

        table, report = load_table(settings, options.data_root, options.strict)
        warn_of_blue(outside_test(table, split_file(options.splits, settings.split))["path"])
        prepared = settings.prepared
        if options.edge is not None:
            prepared = dataclasses.replace(prepared, edge=options.edge)
        broken = prepare(table, Plan(options.to, options.out, prepared, options.workers), options.resume)
        return ([str(report)] if report else []) + broken

    return run(command, stopped="Stopped; what is written is kept: the same command with --resume goes on.")


if __name__ == "__main__":
    sys.exit(main())
