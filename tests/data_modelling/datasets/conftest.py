from pathlib import Path

import pytest

from data_modelling.datasets.generated import write_generated
from data_modelling.datasets.splits import split, write_split
from tests.data_modelling.datasets.prepared import ham10000_table


@pytest.fixture(scope="session")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Generated lesions in HAM10000's layout, with their split."""
    root = tmp_path_factory.mktemp("generated") / "data"
    write_generated(root, 56, seed=4)
    write_split(root / "smoke.csv", split(ham10000_table(root)))
    return root
