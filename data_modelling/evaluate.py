"""The figures of a bundle, from its committed predictions; photos are read with --elsewhere and --open-test alone.

python -m data_modelling.evaluate --bundle DATA/models/ham10000 [--publish]
python -m data_modelling.evaluate --bundle DATA/models/ham10000 --data-root DATA --elsewhere
python -m data_modelling.evaluate --bundle DATA/models/ham10000 --data-root DATA --open-test --reason "release 1.0"
"""

import argparse
import sys
from pathlib import Path

from data_modelling.datasets.roots import REPOSITORY_DATA, add_data_options
from data_modelling.evaluation.elsewhere import predict_elsewhere
from data_modelling.evaluation.opening import open_test
from data_modelling.evaluation.publish import publish
from data_modelling.evaluation.renewal import STOPPED, renewed
from data_modelling.evaluation.report import write_report
from data_modelling.inference.commands import run


def main(arguments: list[str] | None = None) -> int:
    """Parse and call; the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m data_modelling.evaluate", description="Figures of a bundle."
    )
    parser.add_argument(
        "--bundle", type=Path, required=True, help="folder of the bundle; its figures are rewritten"
    )
    add_data_options(parser)
    parser.add_argument(
        "--elsewhere", action="store_true", help="predict the photos of sources that are no training data"
    )
    parser.add_argument(
        "--open-test", action="store_true", help="read the locked test, once a released bundle"
    )
    parser.add_argument("--reason", default="", help="why the locked test is opened; kept on record")
    parser.add_argument(
        "--publish", action="store_true", help="also into README.md and DATA/plots of the project"
    )
    options = parser.parse_args(arguments)

    def command() -> list[str]:
        left_out: list[str] = []
        with renewed(options.bundle) as bundle:
            if options.elsewhere:
                left_out += predict_elsewhere(bundle, options.data_root, options.splits)
            if options.open_test:
                left_out += open_test(bundle, options.data_root, options.splits, options.reason)
            values = write_report(bundle.folder)
        if options.publish:
            publish(options.bundle, bundle.metadata, values, REPOSITORY_DATA.parent)
        return left_out

    return run(command, stopped=STOPPED)


if __name__ == "__main__":
    sys.exit(main())
