"""Write a page that compares new photos, or the probabilities in the app's score log, with the training photos.

python -m data_modelling.monitor --bundle DATA/models/ham10000 (--images DIR | --scores CSV) --out page.html
This command needs no packages except those of the app.
"""

import argparse
import sys
from pathlib import Path

from data_modelling.inference.batch.photo_folder import scan_photo_folder
from data_modelling.inference.bundle import load_bundle
from data_modelling.inference.command_line import run_with_exit_status
from data_modelling.inference.drift.comparison import compare_with_reference, reference_quantiles
from data_modelling.inference.drift.page import drift_page
from data_modelling.inference.drift.samples import sample_from_photos
from data_modelling.inference.drift.score_log import read_score_log
from data_modelling.inference.errors import InputError
from data_modelling.inference.files.atomic_files import atomic_write
from data_modelling.inference.predictor import Predictor


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m data_modelling.monitor",
        description="Write a page that shows whether photos, or the app's answers, differ from the training photos.",
    )
    parser.add_argument("--bundle", type=Path, required=True, help="folder of the bundle")
    inputs = parser.add_mutually_exclusive_group(required=True)
    inputs.add_argument("--images", type=Path, help="folder of photos (not recursive)")
    inputs.add_argument("--scores", type=Path, help="the score log of the app")
    parser.add_argument("--out", type=Path, required=True, help="page to write, HTML")
    options = parser.parse_args(arguments)

    def command() -> list[str]:
        if options.out.is_dir():
            raise InputError(f"--out must name a page, such as page.html, and {options.out} is a folder.")
        bundle = load_bundle(options.bundle)
        reference = reference_quantiles(bundle.metadata)
        if options.images:
            photos = scan_photo_folder(options.images)
            for remark in photos.remarks:
                print(remark, file=sys.stderr)
            sample = sample_from_photos(Predictor(bundle), photos)
        else:
            if options.out.exists() and options.out.samefile(options.scores):
                raise InputError(f"{options.out} holds the scores; choose another --out.")
            sample = read_score_log(options.scores, bundle.metadata["classes"])
        title = f"Comparison with the training photos of {bundle.name}"
        drifts = compare_with_reference(reference, sample.values)
        with atomic_write(options.out) as temporary:
            temporary.write_text(drift_page(title, sample.title, drifts, sample.left_out), "utf-8")
        return list(sample.left_out)

    return run_with_exit_status(command)


if __name__ == "__main__":
    sys.exit(main())
