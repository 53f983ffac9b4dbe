"""A data set from where it is published to the folder that its loader reads.

python -m data_modelling.download ham10000
python -m data_modelling.download isic2019 --data-root /data --mirror https://mirror.example.org/skin --yes
"""

import argparse
import os
import sys
from pathlib import Path

from data_modelling.datasets.acquiring import acquire
from data_modelling.datasets.facts import FACTS
from data_modelling.datasets.roots import base_folder
from data_modelling.inference.commands import run
from data_modelling.inference.errors import InputError

MIRROR = "DATA_MIRROR"  # environment variable behind --mirror


def main(arguments: list[str] | None = None) -> int:
    """Parse and call; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m data_modelling.download", description="Get a data set.")
    parser.add_argument("name", choices=sorted(FACTS))
    parser.add_argument("--data-root", type=Path, help="default: DATA_ROOT, else DATA")
    parser.add_argument("--mirror", help=f"address with <folder>/<file>, else {MIRROR}, else the publisher")
    parser.add_argument("--yes", action="store_true", help="do not ask before downloading")
    options = parser.parse_args(arguments)
    mirror = options.mirror or os.environ.get(MIRROR, "")

    def command() -> list[str]:
        acquire(FACTS[options.name], base_folder(options.data_root), mirror, _yes if options.yes else _ask)
        return []

    return run(command, stopped="Stopped; what arrived is kept: the same command goes on with it.")


def _yes(told: str) -> bool:
    print(told)
    return True


def _ask(told: str) -> bool:
    if not sys.stdin.isatty():
        raise InputError(f"{told} Add --yes to download it.")
    return input(f"{told} Download it? [y/N] ").strip().lower() in {"y", "yes"}


if __name__ == "__main__":
    sys.exit(main())
