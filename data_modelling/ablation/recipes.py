"""A recipe and its changes, one at a time, from one TOML file."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_modelling.inference.errors import InputError
from data_modelling.settings import Settings, as_dict, from_dict, merged

BASE = "base"


@dataclass(frozen=True)
class Change:
    """One way to train. name: of its run and its row; told: what is other than in the recipe, in a few words."""

    name: str
    told: str
    settings: Settings

    def is_other_seed(self, base: Settings) -> bool:
        """Whether nothing but the seed is other: its difference is the noise of a training."""
        ours, theirs = as_dict(self.settings), as_dict(base)
        return ours["seed"] != theirs["seed"] and _unlabelled(ours) == _unlabelled(theirs)


def read_changes(path: Path) -> list[Change]:
    """The recipe itself, under the name BASE, and its changes: `[recipe]`, and `[[change]]` with name, told and settings.

    Raises InputError for a missing file, an unknown key, a name twice, or more than one fold.
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


def _changes(values: dict[str, Any]) -> list[Change]:
    if set(values) != {"recipe", "change"}:
        raise InputError("it must have [recipe] and at least one [[change]], and nothing else.")
    recipe = values["recipe"]
    changes = [Change(BASE, "the recipe as it is", from_dict(recipe))]
    for entry in values["change"]:
        if set(entry) != {"name", "told", "settings"}:
            raise InputError(f"a change has name, told and settings, not {', '.join(sorted(entry))}.")
        name = entry["name"]
        if any(name == change.name for change in changes):
            raise InputError(f"two changes are called {name}.")
        try:
            changes.append(Change(name, entry["told"], from_dict(merged(recipe, entry["settings"]))))
        except InputError as error:
            raise InputError(f"the change {name}: {error}") from error
    if any(len(change.settings.figure_folds) != 1 for change in changes):
        raise InputError("changes are judged on one fold: figure_folds must name one.")
    return changes


def _unlabelled(settings: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key not in ("name", "version", "seed")}
