"""Write a trained model's probabilities for a folder of photos to a csv. The packages for training are not needed.

python -m data_modelling.predict --bundle DATA/models/ham10000 --images DIR [--details CSV] --out p.csv

The same command resumes a stopped run. To share the work between two machines, `--shard 1/2 --out p1.csv` and
`--shard 2/2 --out p2.csv` write the halves of p.csv. `--engine ray` uses all cores of a Ray cluster; see docs/scale.md.
"""

import argparse
import sys
from contextlib import ExitStack
from pathlib import Path

from data_modelling.inference.batch.cluster_predictions import ClusterRows
from data_modelling.inference.batch.photo_bucket import is_bucket, scan_photo_bucket
from data_modelling.inference.batch.photo_folder import (
    LAYOUTS,
    PROJECT_LAYOUT,
    DetailsTable,
    check_output_paths,
    match_details,
    predict_folder,
    read_details,
    scan_photo_folder,
)
from data_modelling.inference.batch.ray_cluster import RAY, add_engine_options, connect_to_ray
from data_modelling.inference.bundle import load_bundle
from data_modelling.inference.command_line import run_with_exit_status
from data_modelling.inference.errors import InputError
from data_modelling.inference.files.csv_table import shortened_list
from data_modelling.inference.photo.orientations import ONE_VIEW, VIEW_COUNTS
from data_modelling.inference.predictor import Predictor


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m data_modelling.predict", description="Write the answers for a folder of photos."
    )
    parser.add_argument("--bundle", type=Path, required=True, help="folder of the bundle")
    parser.add_argument("--images", required=True, help="photo folder (not recursive), or s3://BUCKET/FOLDER")
    parser.add_argument("--details", type=Path, help="csv with the columns image, age, sex, site, changing")
    parser.add_argument(
        "--dermatoscope",
        choices=("yes", "no"),
        default="yes",
        help="whether the photos were taken through a dermatoscope (default: %(default)s)",
    )
    parser.add_argument("--out", type=Path, required=True, help="csv to write")
    parser.add_argument(
        "--format",
        choices=LAYOUTS,
        default=PROJECT_LAYOUT,
        help="kaggle: two columns, image_name and target, the probability of melanoma (default: a column for each class)",
    )
    parser.add_argument(
        "--shard",
        type=_shard,
        default=(1, 1),
        metavar="K/N",
        help="only the Kth of N consecutive parts of the photos",
    )
    parser.add_argument(
        "--views",
        type=int,
        choices=VIEW_COUNTS,
        default=ONE_VIEW,
        help="number of views (turned or mirrored copies) of each photo to average (default: %(default)s)",
    )
    parser.add_argument("--strict", action="store_true", help="repeated or contradictory details are errors")
    add_engine_options(parser)
    options = parser.parse_args(arguments)

    def command() -> list[str]:
        check_output_paths(options.out, options.details)
        predictor = Predictor(load_bundle(options.bundle), options.views)
        images = options.images
        photos = scan_photo_bucket(images) if is_bucket(images) else scan_photo_folder(Path(images))
        table = read_details(options.details) if options.details else DetailsTable({})
        if options.strict and table.findings:
            raise InputError(f"{'; '.join(table.findings)}; correct the csv, or leave out --strict.")
        details, unknown = match_details(table.by_image, photos.stems)
        remarks = [f"warning: {note}" for note in table.notes]
        if unknown:
            names = shortened_list(unknown)
            remarks.append(f"warning: {len(unknown)} rows of the details have no photo: {names}")
        for remark in (*remarks, *photos.remarks):
            print(remark, file=sys.stderr)
        part = photos.shard(*options.shard)
        dermatoscope = options.dermatoscope == "yes"
        with ExitStack() as stack:
            rows = None
            if options.engine == RAY:
                rows = ClusterRows(stack.enter_context(connect_to_ray(options.address)))
            failed = predict_folder(predictor, part, details, options.out, options.format, dermatoscope, rows)
        return [*table.findings, *(f"{stem}: {reason}" for stem, reason in failed)]

    return run_with_exit_status(command, stopped="Stopped; the same command continues from here.")


def _shard(text: str) -> tuple[int, int]:
    number, slash, count = text.partition("/")
    if not (slash and number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
        raise argparse.ArgumentTypeError(f"must be K/N with K from 1 to N, such as 1/2, not {text!r}")
    return int(number), int(count)


if __name__ == "__main__":
    sys.exit(main())
