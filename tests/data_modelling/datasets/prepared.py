"""Small data sets for the tests of formats."""

import dataclasses
from pathlib import Path

import pandas as pd

from data_modelling.datasets import load_table
from data_modelling.datasets.preparing import Plan, prepare
from data_modelling.settings import PreparedSettings, Settings, read_settings
from tests.conftest import PROJECT

SMOKE = PROJECT / "data_modelling" / "configs" / "smoke.toml"


def settings_for(dataset: str, **prepared: object) -> Settings:
    """The smoke recipe, told to read a data set or format that is there."""
    values = PreparedSettings(**prepared)
    return dataclasses.replace(read_settings(SMOKE), dataset=dataset, generated_lesions=0, prepared=values)


def write_prepared(
    root: Path, kind: str, out: Path, resume: bool = False, workers: int = 1, **prepared: object
) -> list[str]:
    """HAM10000's layout in `root` as class folders or shards in `out`."""
    table = ham10000_table(root)
    return prepare(table, Plan(kind, out, PreparedSettings(**prepared), workers), resume)


def ham10000_table(root: Path) -> pd.DataFrame:
    return load_table(settings_for("ham10000"), root)[0]
