"""Small data sets for the tests of formats."""

from pathlib import Path

import pandas as pd
from msgspec import structs

from data_modelling.datasets.formats.preparation import PreparationPlan, prepare_dataset
from data_modelling.datasets.registry import load_table
from data_modelling.settings import PreparedSettings, Settings, read_settings
from tests.conftest import PROJECT

SMOKE = PROJECT / "data_modelling" / "configs" / "smoke.toml"


def settings_for(dataset: str, **prepared: object) -> Settings:
    """Return the smoke recipe for a data set or format that exists."""
    values = PreparedSettings(**prepared)
    return structs.replace(read_settings(SMOKE), dataset=dataset, generated_lesions=0, prepared=values)


def write_prepared(
    root: Path, kind: str, out: Path, resume: bool = False, workers: int = 1, **prepared: object
) -> list[str]:
    """Write HAM10000's layout in `root` as class folders or shards in `out`."""
    table = ham10000_table(root)
    return prepare_dataset(table, PreparationPlan(kind, out, PreparedSettings(**prepared), workers), resume)


def ham10000_table(root: Path) -> pd.DataFrame:
    return load_table(settings_for("ham10000"), root)[0]
