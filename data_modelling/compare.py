"""Several recipes on the same photos: trained on the other folds, judged on theirs, one table.

Or the story, in steps; or one recipe and its changes, one at a time.

python -m data_modelling.compare --configs data_modelling/configs/compare_*.toml --out docs/networks.md
python -m data_modelling.compare --story --out docs/story.md
python -m data_modelling.compare --ablations data_modelling/configs/ablations.toml --out docs/ablations.md
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from data_modelling.ablation.recipes import read_changes
from data_modelling.datasets.roots import REPOSITORY_DATA, add_data_options
from data_modelling.inference.bundle import load_bundle
from data_modelling.inference.commands import run
from data_modelling.settings import read_settings
from data_modelling.story.steps import read_recipes


def main(arguments: list[str] | None = None) -> int:
    """Parse and call; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m data_modelling.compare", description="Compare recipes.")
    asked = parser.add_mutually_exclusive_group(required=True)
    asked.add_argument(
        "--configs", type=Path, nargs="+", help="recipes; the others are compared with the first"
    )
    asked.add_argument(
        "--story", action="store_true", help="the steps from a first model to the final recipe"
    )
    asked.add_argument("--ablations", type=Path, help="a recipe and its changes (TOML)")
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
    _add_story_options(parser.add_argument_group("with --story"))
    options = parser.parse_args(arguments)
    return run(
        lambda: _asked(options)(options),
        stopped="Stopped; what is finished is kept: the same command with --resume goes on.",
    )


def _add_story_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--recipes",
        type=Path,
        default=Path(__file__).parent / "configs",
        help="folder of the story_*.toml (default: %(default)s)",
    )
    group.add_argument(
        "--tuned", type=Path, help="best.toml of a search (default: story_tuned.toml in RECIPES)"
    )
    group.add_argument(
        "--bundle",
        type=Path,
        default=REPOSITORY_DATA / "models" / "ham10000",
        help="the final recipe's, whose figures at full size are named (default: %(default)s)",
    )
    group.add_argument(
        "--plots",
        type=Path,
        default=REPOSITORY_DATA / "plots",
        help="folder for the plots (default: %(default)s)",
    )


def _asked(options: argparse.Namespace) -> Callable[[argparse.Namespace], list[str]]:
    if options.story:
        return _story
    return _ablations if options.ablations else _contest


def _ablations(options: argparse.Namespace) -> list[str]:
    changes = read_changes(options.ablations)
    from data_modelling.ablation.page import write_ablation
    from data_modelling.ablation.rows import rows
    from data_modelling.ablation.trials import ablate  # loads Keras: after the first check
    from data_modelling.training.road import Sources

    sources = Sources(options.data_root, options.splits, options.strict)
    trials, left_out = ablate(changes, sources, options.runs, options.resume)
    write_ablation(options.out, rows(trials))
    return left_out


def _contest(options: argparse.Namespace) -> list[str]:
    recipes = [read_settings(config) for config in options.configs]
    from data_modelling.evaluation.contest import contest, write_contest
    from data_modelling.training.contenders import contend  # loads Keras: after the first check
    from data_modelling.training.road import Sources

    sources = Sources(options.data_root, options.splits, options.strict)
    contenders, left_out = contend(recipes, sources, options.runs, options.resume)
    write_contest(options.out, contest(contenders))
    return left_out


def _story(options: argparse.Namespace) -> list[str]:
    recipes, absent = read_recipes(options.recipes, options.tuned)
    bundle = load_bundle(options.bundle)
    from data_modelling.story.drawings import draw_story
    from data_modelling.story.page import read_story, write_story
    from data_modelling.story.rows import rows
    from data_modelling.story.telling import tell  # loads Keras: after the first checks
    from data_modelling.training.road import Sources

    sources = Sources(options.data_root, options.splits, options.strict)
    told, left_out = tell(recipes, sources, options.runs, options.resume)
    write_story(options.out, rows(told, recipes.search_folds, bundle))
    draw_story(options.plots, read_story(options.out.with_suffix(".csv")), bundle.metadata)
    return absent + left_out


if __name__ == "__main__":
    sys.exit(main())
