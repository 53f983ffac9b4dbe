"""Put what a new clinic gets into a bundle: answers of networks that never saw the clinic, and the clear threshold.

python -m data_modelling.clinics --bundle DATA/models/ham10000 --config data_modelling/configs/ham10000.toml --data-root DATA --work DATA/runs/ham10000.work
"""

import argparse
import sys
from pathlib import Path

from data_modelling.datasets.data_location import add_data_options
from data_modelling.inference.command_line import run_with_exit_status
from data_modelling.pipeline.bundle_update import STOPPED_MESSAGE, update_bundle
from data_modelling.pipeline.clinic_update import write_clinic_answers
from data_modelling.pipeline.report import write_report
from data_modelling.pipeline.run_data import DataFolders
from data_modelling.settings import read_settings


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m data_modelling.clinics",
        description="Put into a bundle the answers of networks that never saw a clinic, and the clear threshold.",
    )
    parser.add_argument("--bundle", type=Path, required=True, help="folder of the bundle, which is updated")
    parser.add_argument(
        "--config", type=Path, required=True, help="recipe of the bundle; it names the clinics"
    )
    parser.add_argument(
        "--work",
        type=Path,
        required=True,
        help="work folder of the recipe, with the networks that were each trained without one clinic",
    )
    add_data_options(parser)
    options = parser.parse_args(arguments)
    folders = DataFolders(options.data_root, options.splits)

    def command() -> list[str]:
        settings = read_settings(options.config)
        with update_bundle(options.bundle) as bundle:
            left_out = write_clinic_answers(bundle.folder, settings, options.work, folders)
            write_report(bundle.folder)
        return left_out

    return run_with_exit_status(command, stopped=STOPPED_MESSAGE)


if __name__ == "__main__":
    sys.exit(main())
