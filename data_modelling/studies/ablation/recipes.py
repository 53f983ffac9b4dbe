"""Read the recipes (training settings) of a comparison, from recipe files or from one file with changes of a recipe."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec import structs

from data_modelling.inference.errors import InputError
from data_modelling.settings import Settings, merge_tables, read_settings, read_toml, settings_from_dict

BASE = "base"
COMPARABLE_SETTINGS = ("task", "dataset", "split", "figure_folds", "generated_lesions", "seed")


@dataclass(frozen=True)
class RecipeChange:
    """Describe one recipe of a comparison.

    name: the name of the recipe's run and of its table row. description: what the recipe changes, in a few words.
    """

    name: str
    description: str
    settings: Settings

    def is_other_seed(self, base: Settings) -> bool:
        """Return whether this is `base` with another seed and name; differences in metrics are then due to chance."""
        ours = structs.replace(self.settings, name=base.name, version=base.version)
        return ours.seed != base.seed and structs.replace(ours, seed=base.seed) == base


def read_recipes(configs: Sequence[Path]) -> list[RecipeChange]:
    """Return the recipes of these files. Raises InputError like `read_settings` and `check_comparable_recipes`."""
    recipes = [read_settings(config) for config in configs]
    check_comparable_recipes(recipes)
    return [RecipeChange(recipe.name, f"the recipe {recipe.name}", recipe) for recipe in recipes]


def check_comparable_recipes(recipes: Sequence[Settings]) -> None:
    """Raise InputError unless the recipes (at least 2) have different names, equal COMPARABLE_SETTINGS and one fold."""
    names = [settings.name for settings in recipes]
    if len(set(names)) < max(2, len(names)):
        raise InputError(f"Give at least two recipes of different names, not {', '.join(names)}.")
    for key in COMPARABLE_SETTINGS:
        values = {getattr(settings, key) for settings in recipes}
        if len(values) > 1:
            raise InputError(
                f"Recipes are compared on the same photos: {key} must be the same in all, not "
                f"{' and '.join(sorted(map(str, values)))}."
            )
    if len(recipes[0].figure_folds) != 1:
        raise InputError(f"{names[0]} needs exactly one fold in figure_folds; recipes are compared on it.")


def read_changes(path: Path) -> list[RecipeChange]:
    """Return the recipe in a TOML file, named BASE, and the recipe with each change in this file.

    The file has `[recipe]`, and a `[[change]]` with name, told (the description) and settings for each change. A recipe
    is judged on its left-out clinic group (photos of some clinics). Without a group, it is judged on its fold. Raises
    InputError for a missing file, an unknown key, a repeated name, several groups, or no group and several folds.
    """
    values = read_toml(path)
    try:
        return _changes(values)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _changes(values: dict[str, Any]) -> list[RecipeChange]:
    if {key: type(value) for key, value in values.items()} != {"recipe": dict, "change": list}:
        raise InputError("it must have [recipe] and at least one [[change]], and nothing else.")
    recipe = values["recipe"]
    changes = [RecipeChange(BASE, "the recipe as it is", settings_from_dict(recipe))]
    for entry in values["change"]:
        if set(entry) != {"name", "told", "settings"} or not isinstance(entry["settings"], dict):
            raise InputError(f"a change has name, told and settings (table), not {', '.join(sorted(entry))}.")
        name, merged = entry["name"], merge_tables(recipe, entry["settings"])
        if any(name == change.name for change in changes):
            raise InputError(f"two changes are called {name}.")
        try:
            changes.append(RecipeChange(name, entry["told"], settings_from_dict(merged)))
        except InputError as error:
            raise InputError(f"the change {name}: {error}") from error
    judged = {(change.settings.figure_folds, change.settings.left_out_clinics) for change in changes}
    if any(len(clinics) > 1 or (not clinics and len(folds) != 1) for folds, clinics in judged):
        raise InputError(
            "each change needs one clinic group in left_out_clinics, or none and exactly one fold in figure_folds."
        )
    return changes
