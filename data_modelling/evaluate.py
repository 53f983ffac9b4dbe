"""Compute the metrics of a bundle from its committed predictions; only --elsewhere, --rendered and --open-test read photos.

python -m data_modelling.evaluate --bundle DATA/models/ham10000 [--publish]
python -m data_modelling.evaluate --bundle DATA/models/ham10000 --data-root DATA --elsewhere
python -m data_modelling.evaluate --bundle DATA/models/ham10000 --data-root DATA --rendered
python -m data_modelling.evaluate --bundle DATA/models/ham10000 --data-root DATA --open-test --reason "release 1.0"
"""

import argparse
import sys
from pathlib import Path

from data_modelling.datasets.data_location import REPOSITORY_DATA, add_data_options
from data_modelling.evaluation.clinics.clinic_rendering import (
    describe_changes,
    rendered_statuses,
    rendering_metrics,
    write_rendering,
)
from data_modelling.evaluation.external_sources import predict_external_sources
from data_modelling.evaluation.locked_test import open_test
from data_modelling.inference.command_line import run_with_exit_status
from data_modelling.inference.predictor import Predictor
from data_modelling.pipeline.bundle_update import STOPPED_MESSAGE, update_bundle
from data_modelling.pipeline.publication import publish_bundle
from data_modelling.pipeline.report import write_report


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m data_modelling.evaluate", description="Compute the metrics of a bundle."
    )
    parser.add_argument(
        "--bundle", type=Path, required=True, help="folder of the bundle; its metrics are rewritten"
    )
    add_data_options(parser)
    parser.add_argument("--elsewhere", action="store_true", help="also predict photos of other sources")
    parser.add_argument(
        "--rendered",
        action="store_true",
        help="also answer photos that are made to look like another clinic's",
    )
    parser.add_argument(
        "--open-test", action="store_true", help="read the locked test; do this once for a released bundle"
    )
    parser.add_argument("--reason", default="", help="why the locked test is opened; it is recorded")
    parser.add_argument(
        "--publish",
        action="store_true",
        help="also write the results into README.md, docs and DATA/plots of the project",
    )
    options = parser.parse_args(arguments)

    def command() -> list[str]:
        left_out: list[str] = []
        with update_bundle(options.bundle) as bundle:
            if options.elsewhere:
                left_out += predict_external_sources(bundle, options.data_root, options.splits)
            if options.rendered:
                table = rendered_statuses(Predictor(bundle), options.data_root, options.splits)
                write_rendering(bundle.folder, table)
                print(describe_changes(rendering_metrics(table)))
            if options.open_test:
                left_out += open_test(bundle, options.data_root, options.splits, options.reason)
            values = write_report(bundle.folder)
        if options.publish:
            publish_bundle(options.bundle, bundle.metadata, values, REPOSITORY_DATA.parent)
        return left_out

    return run_with_exit_status(command, stopped=STOPPED_MESSAGE)


if __name__ == "__main__":
    sys.exit(main())
