"""Several recipes on the same photos: trained on the other folds, judged on theirs, one table.

python -m data_modelling.compare --configs data_modelling/configs/compare_*.toml --out docs/networks.md
"""

import argparse
import sys
from pathlib import Path

from data_modelling.datasets.roots import REPOSITORY_DATA, add_data_options
from data_modelling.inference.commands import run
from data_modelling.settings import read_settings


def main(arguments: list[str] | None = None) -> int:
    """Parse and call; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m data_modelling.compare", description="Compare recipes.")
    parser.add_argument(
        "--configs",
        type=Path,
        nargs="+",
        required=True,
        help="recipes; the others are compared with the first",
    )
    add_data_options(parser)
    parser.add_argument(
        "--out", type=Path, required=True, help="page to write (.md); its table lies beside it (.csv)"
    )
    parser.add_argument(
        "--runs",
        type=Path,
        default=REPOSITORY_DATA / "runs",
        help="folder for the runs (default: %(default)s)",
    )
    parser.add_argument("--resume", action="store_true", help="go on with the unfinished runs in RUNS")
    parser.add_argument("--strict", action="store_true", help="anything wrong with the data set is an error")
    options = parser.parse_args(arguments)

    def command() -> list[str]:
        recipes = [read_settings(config) for config in options.configs]
        from data_modelling.evaluation.contest import contest, write_contest
        from data_modelling.training.contenders import contend  # loads Keras: after the first check
        from data_modelling.training.road import Sources

        sources = Sources(options.data_root, options.splits, options.strict)
        contenders, left_out = contend(recipes, sources, options.runs, options.resume)
        write_contest(options.out, contest(contenders))
        return left_out

    return run(command, stopped="Stopped; what is finished is kept: the same command with --resume goes on.")


if __name__ == "__main__":
    sys.exit(main())
