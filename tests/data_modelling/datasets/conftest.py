from pathlib import Path

import pandas as pd
import pytest

from data_modelling.datasets import isic2019
from data_modelling.datasets.formats.synthetic_lesions import write_synthetic_lesions
from data_modelling.datasets.splits.assignment import make_split, write_split
from data_modelling.datasets.table import DatasetReport
from tests.data_modelling.datasets.formats.small_data_sets import ham10000_table


@pytest.fixture(scope="session")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Generated lesions in HAM10000's layout, with their split."""
    root = tmp_path_factory.mktemp("generated") / "data"
    write_synthetic_lesions(root, 56, seed=4)
    write_split(root / "smoke.csv", make_split(ham10000_table(root)))
    return root


@pytest.fixture(scope="session")
def real_isic2019(data_root: Path) -> tuple[pd.DataFrame, DatasetReport]:
    """The table and the report of the real ISIC 2019; its photos are opened once for all tests of a process."""
    return isic2019.load(data_root)
