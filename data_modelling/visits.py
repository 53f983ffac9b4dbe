"""How well the odd one out of a patient's spots is the melanoma, into a bundle: its ratio, visits and figures.

python -m data_modelling.visits --bundle DATA/models/ham10000 --data-root DATA
"""

import argparse
import json
import sys
from pathlib import Path

from data_modelling.datasets.roots import add_data_options
from data_modelling.evaluation.odd_one_out import FILE, choose_ratio, draw_visits, judged, read_lesions
from data_modelling.evaluation.renewal import STOPPED, renewed
from data_modelling.evaluation.report import write_report
from data_modelling.inference.bundle import Bundle
from data_modelling.inference.commands import run
from data_modelling.inference.errors import InputError
from data_modelling.inference.files import replaced_when_whole
from data_modelling.inference.predictor import Predictor
from data_modelling.inference.source_facts import learned_from


def main(arguments: list[str] | None = None) -> int:
    """Parse and call; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m data_modelling.visits", description="The odd one out.")
    parser.add_argument("--bundle", type=Path, required=True, help="folder of the bundle; it is renewed")
    add_data_options(parser)
    options = parser.parse_args(arguments)
    return run(
        lambda: renew(options.bundle, options.data_root, options.splits),
        stopped=STOPPED,
    )


def renew(folder: Path, data_root: Path | None, splits: Path) -> list[str]:
    """Draw visits with the bundle's model, choose the ratio on them, and write both into the bundle."""
    with renewed(folder) as bundle:
        _renew(bundle, data_root, splits)
    return []


def _renew(bundle: Bundle, data_root: Path | None, splits: Path) -> None:
    if any("2020" in source for source in learned_from(bundle.metadata)):
        raise InputError(f"{bundle.folder} was trained on ISIC 2020: its patients cannot judge it.")
    lesions = read_lesions(data_root, splits)
    visits = draw_visits(lesions, *judged(Predictor(bundle), lesions))
    with replaced_when_whole(bundle.folder / "predictions" / FILE) as temporary:
        visits.to_csv(temporary, index=False, lineterminator="\n")
    chosen = {"ratio": choose_ratio(visits), "chosen_on": "visits drawn from ISIC 2020's patients"}
    with replaced_when_whole(bundle.folder / "metadata.json") as temporary:
        temporary.write_text(json.dumps(bundle.metadata | {"odd_one_out": chosen}, indent=1) + "\n")
    write_report(bundle.folder)


if __name__ == "__main__":
    sys.exit(main())
