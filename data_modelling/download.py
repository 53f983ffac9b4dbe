"""Download a data set from its publisher to the folder where the other commands look for it.

python -m data_modelling.download ham10000
python -m data_modelling.download isic2019 --data-root /data --mirror https://mirror.example.org/skin --yes
"""

import argparse
import os
import sys
from pathlib import Path

from data_modelling.datasets.data_location import base_folder
from data_modelling.datasets.download.dataset_download import download_dataset
from data_modelling.datasets.registry import DATA_SETS
from data_modelling.inference.command_line import run_with_exit_status
from data_modelling.inference.errors import InputError

MIRROR = "DATA_MIRROR"  # environment variable with the default of --mirror


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m data_modelling.download", description="Download a data set."
    )
    published = {record.name: record.published for record in DATA_SETS if record.published}
    parser.add_argument("name", choices=sorted(published))
    parser.add_argument("--data-root", type=Path, help="folder of the data (default: DATA_ROOT, else DATA)")
    parser.add_argument(
        "--mirror",
        help=f"server that has <folder>/<file> (default: the environment variable {MIRROR}, else the publisher)",
    )
    parser.add_argument("--yes", action="store_true", help="do not ask before downloading")
    options = parser.parse_args(arguments)
    mirror = options.mirror or os.environ.get(MIRROR, "")

    def command() -> list[str]:
        download_dataset(
            published[options.name],
            base_folder(options.data_root),
            mirror,
            _agree_by_option if options.yes else _ask_for_consent,
        )
        return []

    return run_with_exit_status(command, stopped="Stopped; downloads are kept. Run it again to continue.")


def _agree_by_option(question: str) -> bool:
    print(question)
    return True


def _ask_for_consent(question: str) -> bool:
    if not sys.stdin.isatty():
        raise InputError(f"{question} Add --yes to download it.")
    return input(f"{question} Download it? [y/N] ").strip().lower() in {"y", "yes"}


if __name__ == "__main__":
    sys.exit(main())
