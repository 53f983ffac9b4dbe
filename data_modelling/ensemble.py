"""Combine several bundles (folders of trained models) of one task into one bundle, which the app can serve.

python -m data_modelling.ensemble --bundles DATA/runs/a DATA/runs/b --out DATA/models/ensemble
"""

import argparse
import sys
from pathlib import Path

from data_modelling.inference.bundle import load_bundle
from data_modelling.inference.command_line import run_with_exit_status


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m data_modelling.ensemble", description="Combine bundles.")
    parser.add_argument("--bundles", type=Path, nargs="+", required=True, help="folders of the bundles")
    parser.add_argument("--way", choices=("mean",), default="mean", help="mean of the probabilities")
    parser.add_argument(
        "--out", type=Path, required=True, help="folder of the new bundle; its name becomes the bundle's name"
    )
    parser.add_argument("--version", default="1.0.0", help="version of the new bundle (default: %(default)s)")
    options = parser.parse_args(arguments)

    def command() -> list[str]:
        bundles = [load_bundle(folder) for folder in options.bundles]
        from data_modelling.studies.ensembling.bundle import make_ensemble  # loads Keras

        make_ensemble(bundles, options.out.name, options.version, options.out)
        return []

    return run_with_exit_status(command)


if __name__ == "__main__":
    sys.exit(main())
