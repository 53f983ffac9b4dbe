"""Measure how often the most unusual spot of a patient is the melanoma; write ratio, visits and metrics to a bundle.

python -m data_modelling.visits --bundle DATA/models/ham10000 --data-root DATA
"""

import argparse
import sys
from pathlib import Path

from data_modelling.datasets.data_location import add_data_options
from data_modelling.evaluation.ugly_duckling import (
    VISITS_FILE,
    choose_ratio,
    draw_visits,
    predict_lesions,
    read_lesions,
)
from data_modelling.inference.command_line import run_with_exit_status
from data_modelling.inference.errors import InputError
from data_modelling.inference.files.atomic_files import atomic_write, write_json
from data_modelling.inference.predictor import Predictor
from data_modelling.inference.source_facts import training_sources
from data_modelling.pipeline.bundle_update import STOPPED_MESSAGE, update_bundle
from data_modelling.pipeline.report import write_report


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m data_modelling.visits", description="Ugly duckling.")
    parser.add_argument("--bundle", type=Path, required=True, help="folder of the bundle, which is updated")
    add_data_options(parser)
    options = parser.parse_args(arguments)
    return run_with_exit_status(
        lambda: write_visit_metrics(options.bundle, options.data_root, options.splits),
        stopped=STOPPED_MESSAGE,
    )


def write_visit_metrics(folder: Path, data_root: Path | None, splits: Path) -> list[str]:
    """Draw visits with the bundle's model, choose the ratio on them, and write both into the bundle."""
    with update_bundle(folder) as bundle:
        if any("2020" in source for source in training_sources(bundle.metadata)):
            raise InputError(f"{bundle.folder} was trained on ISIC 2020, so it cannot be tested on it.")
        lesions = read_lesions(data_root, splits)
        visits = draw_visits(lesions, *predict_lesions(Predictor(bundle), lesions))
        with atomic_write(bundle.folder / "predictions" / VISITS_FILE) as temporary:
            visits.to_csv(temporary, index=False, lineterminator="\n")
        ratio_choice = {"ratio": choose_ratio(visits), "chosen_on": "visits drawn from ISIC 2020's patients"}
        write_json(bundle.folder / "metadata.json", bundle.metadata | {"odd_one_out": ratio_choice})
        write_report(bundle.folder)
    return []


if __name__ == "__main__":
    sys.exit(main())
