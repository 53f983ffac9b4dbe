"""Several bundles of one task as one, which the app serves.

python -m data_modelling.ensemble --bundles DATA/runs/a DATA/runs/b --way weights --out DATA/models/ensemble
"""

import argparse
import sys
from pathlib import Path

from data_modelling.ensembling.ways import MEAN, WAYS
from data_modelling.inference.bundle import load_bundle
from data_modelling.inference.commands import run


def main(arguments: list[str] | None = None) -> int:
    """Parse and call; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m data_modelling.ensemble", description="Bundles as one.")
    parser.add_argument("--bundles", type=Path, nargs="+", required=True, help="folders of the bundles")
    parser.add_argument(
        "--way",
        choices=WAYS,
        default=MEAN,
        help="mean of the probabilities (default), with weights fitted out-of-fold, or mean of ranks (two classes)",
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="folder of the new bundle, whose name it gets"
    )
    parser.add_argument("--version", default="1.0.0", help="of the new bundle (default: %(default)s)")
    options = parser.parse_args(arguments)

    def command() -> list[str]:
        bundles = [load_bundle(folder) for folder in options.bundles]
        from data_modelling.ensembling.bundle import judge_ways, make_ensemble, members_of  # loads Keras

        for name, found in judge_ways(members_of(bundles), bundles).items():
            print(f"{name}: macro AUC {found['macro_auc']:.4f}, melanoma AUC {found['melanoma_auc']:.4f}")
        make_ensemble(bundles, options.way, options.out.name, options.version, options.out)
        return []

    return run(command)


if __name__ == "__main__":
    sys.exit(main())
