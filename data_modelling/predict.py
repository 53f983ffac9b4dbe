"""A folder of photos to a csv of probabilities; runs with the app's requirements alone.

python -m data_modelling.predict --bundle DATA/models/ham10000 --images DIR [--details CSV] --out p.csv
"""

import argparse
import sys
from pathlib import Path

from data_modelling.inference.bundle import load_bundle
from data_modelling.inference.commands import run
from data_modelling.inference.folder import LAYOUTS, PROJECT, photos_in, predict_folder, read_details
from data_modelling.inference.predictor import Predictor


def main(arguments: list[str] | None = None) -> int:
    """Parse and call; the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m data_modelling.predict", description="Judge a folder of photos."
    )
    parser.add_argument("--bundle", type=Path, required=True, help="folder of the bundle")
    parser.add_argument("--images", type=Path, required=True, help="folder of photos (not recursive)")
    parser.add_argument("--details", type=Path, help="csv with the columns image, age, sex, site")
    parser.add_argument("--out", type=Path, required=True, help="csv to write")
    parser.add_argument(
        "--format",
        choices=LAYOUTS,
        default=PROJECT,
        help="kaggle: image_name and target, the probability of melanoma (default: a column a class)",
    )
    options = parser.parse_args(arguments)

    def command() -> list[str]:
        predictor = Predictor(load_bundle(options.bundle))
        photos = photos_in(options.images)
        details = read_details(options.details) if options.details else {}
        if unknown := sorted(set(details) - set(photos.paths)):
            print(
                f"warning: no photo for {len(unknown)} rows of the details: {_some(unknown)}", file=sys.stderr
            )
        if photos.other:
            print(f"{len(photos.other)} other files left alone: {', '.join(photos.other)}", file=sys.stderr)
        failed = predict_folder(predictor, photos, details, options.out, options.format)
        return [f"{stem}: {reason}" for stem, reason in failed]

    return run(command)


def _some(names: list[str], shown: int = 10) -> str:
    return ", ".join(names[:shown]) + (", ..." if len(names) > shown else "")


if __name__ == "__main__":
    sys.exit(main())
