"""A folder of photos to a csv of probabilities; runs with the app's requirements alone.

python -m data_modelling.predict --bundle DATA/models/ham10000 --images DIR [--details CSV] --out p.csv

A run that was stopped is picked up by the same command. `--shard 1/2 --out p1.csv` and `--shard 2/2 --out p2.csv`, on
two machines, give the halves of p.csv.
"""

import argparse
import sys
from pathlib import Path

from data_modelling.inference.bundle import load_bundle
from data_modelling.inference.commands import run
from data_modelling.inference.folder import (
    LAYOUTS,
    PROJECT,
    check_out,
    photos_in,
    predict_folder,
    read_details,
)
from data_modelling.inference.predictor import Predictor
from data_modelling.inference.views import COUNTS, ONE


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
    parser.add_argument(
        "--shard",
        type=_shard,
        default=(1, 1),
        metavar="K/N",
        help="only the Kth of N parts of the photos, in a row",
    )
    parser.add_argument(
        "--views",
        type=int,
        choices=COUNTS,
        default=ONE,
        help="positions in which the network sees each photo (default: %(default)s)",
    )
    options = parser.parse_args(arguments)

    def command() -> list[str]:
        check_out(options.out, options.details)
        predictor = Predictor(load_bundle(options.bundle), options.views)
        photos = photos_in(options.images)
        details = read_details(options.details) if options.details else {}
        if unknown := sorted(set(details) - set(photos.paths)):
            print(
                f"warning: no photo for {len(unknown)} rows of the details: {_some(unknown)}", file=sys.stderr
            )
        if photos.other:
            print(f"{len(photos.other)} other files left alone: {_some(list(photos.other))}", file=sys.stderr)
        part = photos.shard(*options.shard)
        failed = predict_folder(predictor, part, details, options.out, options.format)
        return [f"{stem}: {reason}" for stem, reason in failed]

    return run(command, stopped="Stopped; the same command goes on from here.")


def _shard(text: str) -> tuple[int, int]:
    number, slash, count = text.partition("/")
    if not (slash and number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
        raise argparse.ArgumentTypeError(f"must be K/N with K from 1 to N, as 1/2, not {text!r}")
    return int(number), int(count)


def _some(names: list[str], shown: int = 10) -> str:
    return ", ".join(names[:shown]) + (", ..." if len(names) > shown else "")


if __name__ == "__main__":
    sys.exit(main())
