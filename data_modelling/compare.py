"""Train several recipes (files of training settings) on the same photos, and compare their results.

The recipes are several files, the steps of the story (the way to the final recipe), or one recipe and its changes.

python -m data_modelling.compare --configs data_modelling/configs/compare_*.toml --out networks.md
python -m data_modelling.compare --story --out story.md
python -m data_modelling.compare --ablations data_modelling/configs/ablations.toml --out ablations.md
"""

import argparse
import sys
from pathlib import Path

from data_modelling.datasets.data_location import REPOSITORY_DATA, add_data_options
from data_modelling.inference.command_line import run_with_exit_status
from data_modelling.inference.errors import InputError
from data_modelling.studies.ablation.recipes import read_changes, read_recipes


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m data_modelling.compare", description="Compare recipes.")
    studies = parser.add_mutually_exclusive_group(required=True)
    studies.add_argument(
        "--configs", type=Path, nargs="+", help="recipes; all others are compared with the first one"
    )
    studies.add_argument("--ablations", type=Path, help="TOML file with a recipe and its changes")
    studies.add_argument(
        "--story",
        dest="ablations",
        action="store_const",
        const=Path(__file__).parent / "configs" / "story.toml",
        help="the steps from a first model to the final recipe",
    )
    add_data_options(parser)
    parser.add_argument(
        "--out", type=Path, required=True, help="page to write (.md); its table is written beside it (.csv)"
    )
    parser.add_argument(
        "--runs", type=Path, default=REPOSITORY_DATA / "runs", help="folder of runs (default: %(default)s)"
    )
    parser.add_argument("--resume", action="store_true", help="resume the unfinished runs in RUNS")
    parser.add_argument("--strict", action="store_true", help="any problem in the data set is an error")
    options = parser.parse_args(arguments)
    return run_with_exit_status(
        lambda: _compare(options),
        stopped="Stopped; finished work is kept. Run it again with --resume to continue.",
    )


def _compare(options: argparse.Namespace) -> list[str]:
    if options.out.is_dir():
        raise InputError(f"--out must name a page, such as page.md, and {options.out} is a folder.")
    changes = read_changes(options.ablations) if options.ablations else read_recipes(options.configs)
    from data_modelling.studies.ablation.table import ablation_table, write_ablation
    from data_modelling.studies.ablation.trials import train_changes  # loads Keras, so it is not at the top
    from data_modelling.training.development_set import DataFolders

    sources = DataFolders(options.data_root, options.splits, options.strict)
    trials, left_out = train_changes(changes, sources, options.runs, options.resume)
    write_ablation(options.out, ablation_table(trials))
    return left_out


if __name__ == "__main__":
    sys.exit(main())
