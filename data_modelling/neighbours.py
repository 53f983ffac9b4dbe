"""Put the nearest known photos into a bundle: index, thumbnails, and with --work how much they help.

python -m data_modelling.neighbours --bundle DATA/models/ham10000 --data-root DATA --work DATA/runs/ham10000.work
"""

import argparse
import sys
from pathlib import Path

from data_modelling.datasets.data_location import add_data_options
from data_modelling.inference.command_line import run_with_exit_status
from data_modelling.pipeline.bundle_update import STOPPED_MESSAGE, update_bundle
from data_modelling.pipeline.neighbour_index import write_neighbour_predictions, write_neighbours
from data_modelling.pipeline.report import write_report
from data_modelling.pipeline.run_data import DataFolders


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m data_modelling.neighbours", description="Put the nearest known photos into a bundle."
    )
    parser.add_argument("--bundle", type=Path, required=True, help="folder of the bundle, which is updated")
    parser.add_argument(
        "--work", type=Path, help="work folder of its run; its fold networks measure how much the photos help"
    )
    add_data_options(parser)
    options = parser.parse_args(arguments)
    folders = DataFolders(options.data_root, options.splits)

    def command() -> list[str]:
        with update_bundle(options.bundle) as bundle:
            write_neighbours(bundle.folder, folders.data_root, folders.splits)
            if options.work is not None:
                write_neighbour_predictions(bundle.folder, options.work, folders)
            write_report(bundle.folder)
        return []

    return run_with_exit_status(command, stopped=STOPPED_MESSAGE)


if __name__ == "__main__":
    sys.exit(main())
