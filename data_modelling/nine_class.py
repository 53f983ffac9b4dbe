"""Melanoma read off nine classes, beside a bundle of two: trains the nine-class networks and renews the bundle's figures.

python -m data_modelling.nine_class --bundle DATA/models/isic2020 --config data_modelling/configs/isic2020_nine.toml \
    --data-root DATA --work DATA/runs/isic2020_nine
"""

import argparse
import sys
from pathlib import Path

from data_modelling.datasets.roots import add_data_options
from data_modelling.inference.bundle import load_bundle
from data_modelling.inference.commands import run
from data_modelling.settings import read_settings


def main(arguments: list[str] | None = None) -> int:
    """Parse and call; the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m data_modelling.nine_class", description="Melanoma read off nine classes."
    )
    parser.add_argument(
        "--bundle", type=Path, required=True, help="of melanoma or benign; its figures are renewed"
    )
    parser.add_argument("--config", type=Path, required=True, help="recipe of the nine-class networks")
    add_data_options(parser)
    parser.add_argument(
        "--work", type=Path, required=True, help="keeps the networks; a run found there is gone on with"
    )
    options = parser.parse_args(arguments)

    def command() -> list[str]:
        bundle, settings = load_bundle(options.bundle), read_settings(options.config)
        from data_modelling.training.nine_class import (
            predict_nine_class,  # loads Keras: after the first check
        )
        from data_modelling.training.road import Sources

        return predict_nine_class(bundle, settings, Sources(options.data_root, options.splits), options.work)

    return run(command, stopped="Stopped; what is finished is kept: the same command goes on.")


if __name__ == "__main__":
    sys.exit(main())
