"""Compute the metrics of a bundle (a trained model's folder) from saved predictions; some options also read photos.

python -m data_modelling.evaluate --bundle DATA/models/ham10000 [--publish]
python -m data_modelling.evaluate --bundle DATA/models/ham10000 --data-root DATA --elsewhere --rendered --visits
python -m data_modelling.evaluate --bundle DATA/models/ham10000 --data-root DATA --neighbours --work DATA/runs/ham10000.work
python -m data_modelling.evaluate --bundle DATA/models/ham10000 --data-root DATA --open-test --reason "release 1.0"
"""

import argparse
import sys
from pathlib import Path

from data_modelling.datasets.data_location import REPOSITORY_DATA, add_data_options
from data_modelling.evaluation.clinics.clinic_rendering import (
    RENDERING_FILE,
    describe_changes,
    rendered_statuses,
    rendering_metrics,
)
from data_modelling.evaluation.external_sources import predict_external_sources
from data_modelling.evaluation.locked_test import open_test
from data_modelling.evaluation.ugly_duckling import measure_visits
from data_modelling.inference.bundle import Bundle
from data_modelling.inference.command_line import run_with_exit_status
from data_modelling.inference.errors import InputError
from data_modelling.inference.predictor import Predictor
from data_modelling.metrics.predictions import write_table
from data_modelling.pipeline.bundle_update import STOPPED_MESSAGE, publish_bundle, update_bundle
from data_modelling.pipeline.report import write_report
from data_modelling.training.development_set import DataFolders


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m data_modelling.evaluate", description="Compute the metrics of a bundle."
    )
    parser.add_argument(
        "--bundle", type=Path, required=True, help="bundle folder; metrics, plots and card are rewritten"
    )
    add_data_options(parser)
    parser.add_argument("--elsewhere", action="store_true", help="also predict photos of other sources")
    parser.add_argument(
        "--rendered",
        action="store_true",
        help="also count how often the answer changes when a photo is made to look like another clinic's",
    )
    parser.add_argument(
        "--visits",
        action="store_true",
        help="also test whether a patient's most unusual spot is the melanoma, and store how unusual a marked spot is",
    )
    parser.add_argument("--neighbours", action="store_true", help="also store known photos for the answers")
    parser.add_argument("--work", type=Path, help="with --neighbours: the run's work folder, to test them")
    parser.add_argument("--open-test", action="store_true", help="read the locked test, once for a release")
    parser.add_argument("--reason", default="", help="with --open-test: why it is opened; this is recorded")
    parser.add_argument(
        "--publish", action="store_true", help="also write the results into README.md, docs and DATA/plots"
    )
    options = parser.parse_args(arguments)

    def command() -> list[str]:
        if options.work and not options.neighbours:
            raise InputError("--work needs --neighbours: add --neighbours, or leave out --work.")
        if options.reason and not options.open_test:
            raise InputError("--reason needs --open-test: add --open-test, or leave out --reason.")
        with update_bundle(options.bundle) as bundle:
            left_out = _evaluate_photos(bundle, options)
            values = write_report(bundle.folder)
        if options.publish:
            publish_bundle(options.bundle, bundle.metadata, values, REPOSITORY_DATA.parent)
        return left_out

    return run_with_exit_status(command, stopped=STOPPED_MESSAGE)


def _evaluate_photos(bundle: Bundle, options: argparse.Namespace) -> list[str]:
    """Make the evaluations that need photos, if the options ask for them; return the skipped inputs as text."""
    left_out: list[str] = []
    data_root, splits = options.data_root, options.splits
    if options.elsewhere:
        left_out += predict_external_sources(bundle, data_root, splits)
    if options.rendered:
        table = rendered_statuses(Predictor(bundle), data_root, splits)
        write_table(bundle.folder / "predictions" / RENDERING_FILE, table)
        print(describe_changes(rendering_metrics(table)))
    if options.visits:
        measure_visits(bundle, data_root, splits)
    if options.neighbours:
        from data_modelling.pipeline import neighbour_index  # loads Keras

        neighbour_index.write_neighbours(bundle.folder, data_root, splits)
        if options.work is not None:
            folders = DataFolders(data_root, splits)
            neighbour_index.write_neighbour_predictions(bundle.folder, options.work, folders)
    if options.open_test:
        left_out += open_test(bundle, data_root, splits, options.reason)
    return left_out


if __name__ == "__main__":
    sys.exit(main())
