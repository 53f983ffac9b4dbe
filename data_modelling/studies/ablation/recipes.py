"""Read a recipe and its changes, one setting at a time, from one TOML file."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_modelling.inference.errors import InputError
from data_modelling.settings import Settings, merge_tables, settings_from_dict, settings_to_dict

BASE = "base"


@dataclass(frozen=True)
class RecipeChange:
    """Describe one way to train.

    name: of its run and of its row. description: the difference from the recipe, in a few words.
    """

    name: str
    description: str
    settings: Settings

    def is_other_seed(self, base: Settings) -> bool:
        """Return whether only the seed differs from `base`: the difference is then the noise of a training."""
        ours, theirs = settings_to_dict(self.settings), settings_to_dict(base)
        if ours["seed"] == theirs["seed"]:
            return False
        return _without_labels_and_seed(ours) == _without_labels_and_seed(theirs)


def read_changes(path: Path) -> list[RecipeChange]:
    """Return the recipe itself, named BASE, and its changes.

    The file has `[recipe]`, and `[[change]]` with name, told and settings. Raises InputError for a missing file, an unknown
    key, a repeated name, or unless one fold or one clinic group is named to evaluate the changes.
    """
    try:
        values = tomllib.loads(path.read_text())
    except FileNotFoundError as error:
        raise InputError(f"There is no {path}; see data_modelling/configs.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is no valid TOML: {error}.") from error
    try:
        return _changes(values)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _changes(values: dict[str, Any]) -> list[RecipeChange]:
    if set(values) != {"recipe", "change"}:
        raise InputError("it must have [recipe] and at least one [[change]], and nothing else.")
    recipe = values["recipe"]
    changes = [RecipeChange(BASE, "the recipe as it is", settings_from_dict(recipe))]
    for entry in values["change"]:
        if set(entry) != {"name", "told", "settings"}:
            raise InputError(f"a change has name, told and settings, not {', '.join(sorted(entry))}.")
        name = entry["name"]
        if any(name == change.name for change in changes):
            raise InputError(f"two changes are called {name}.")
        try:
            changes.append(
                RecipeChange(name, entry["told"], settings_from_dict(merge_tables(recipe, entry["settings"])))
            )
        except InputError as error:
            raise InputError(f"the change {name}: {error}") from error
    judged = {(change.settings.figure_folds, change.settings.left_out_clinics) for change in changes}
    if any(len(clinics) > 1 or (not clinics and len(folds) != 1) for folds, clinics in judged):
        raise InputError(
            "changes are judged on one fold or one clinic: figure_folds or left_out_clinics must name one."
        )
    return changes


def _without_labels_and_seed(settings: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key not in ("name", "version", "seed")}
