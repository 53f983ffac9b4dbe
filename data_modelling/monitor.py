"""Photos, or the app's score log, against what the model was made with; runs with the app's requirements alone.

python -m data_modelling.monitor --bundle DATA/models/ham10000 (--images DIR | --scores CSV) --out page.html
"""

import argparse
import sys
from pathlib import Path

from data_modelling.inference.bundle import load_bundle
from data_modelling.inference.commands import run
from data_modelling.inference.drift import compare, reference_of
from data_modelling.inference.drift_page import page
from data_modelling.inference.files import replaced_when_whole
from data_modelling.inference.folder import photos_in
from data_modelling.inference.predictor import Predictor
from data_modelling.inference.samples import of_photos, of_scores
from data_modelling.inference.score_log import read_scores


def main(arguments: list[str] | None = None) -> int:
    """Parse and call; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m data_modelling.monitor", description="What has moved.")
    parser.add_argument("--bundle", type=Path, required=True, help="folder of the bundle")
    inputs = parser.add_mutually_exclusive_group(required=True)
    inputs.add_argument("--images", type=Path, help="folder of photos (not recursive)")
    inputs.add_argument("--scores", type=Path, help="the score log of the app")
    parser.add_argument("--out", type=Path, required=True, help="page to write, HTML")
    options = parser.parse_args(arguments)

    def command() -> list[str]:
        bundle = load_bundle(options.bundle)
        reference = reference_of(bundle.metadata)
        if options.images:
            sample = of_photos(Predictor(bundle), photos_in(options.images))
        else:
            sample = of_scores(read_scores(options.scores, bundle.metadata["classes"]), bundle)
        found = compare(reference, sample.values)
        with replaced_when_whole(options.out) as temporary:
            temporary.write_text(
                page(f"What moved: {bundle.name}", sample.title, found, sample.left_out), "utf-8"
            )
        return list(sample.left_out)

    return run(command)


if __name__ == "__main__":
    sys.exit(main())
