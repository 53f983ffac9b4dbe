from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data_modelling.inference.errors import InputError
from data_modelling.training.fingerprint import FINGERPRINT_FILE, check_fingerprint

TABLE = pd.DataFrame({"image_id": list("abcd"), "diagnosis": ["MEL", "NV", "NV", "BCC"]})
FIRST = np.array([True, True, False, False])


def begin_training(folder: Path) -> None:
    check_fingerprint(folder, TABLE, {"training photos": FIRST, "stopping photos": ~FIRST})


def test_the_same_photos_are_accepted_wherever_they_lie(tmp_path: Path) -> None:
    begin_training(tmp_path)
    fingerprint = (tmp_path / FINGERPRINT_FILE).read_bytes()
    moved = TABLE.assign(path="elsewhere", part="4")
    check_fingerprint(tmp_path, moved, {"training photos": FIRST, "stopping photos": ~FIRST})
    assert (tmp_path / FINGERPRINT_FILE).read_bytes() == fingerprint


@pytest.mark.parametrize(
    ("table", "named"),
    [
        (TABLE.assign(image_id=list("abce")), "stopping photos"),
        (TABLE.assign(diagnosis=["NV", "NV", "NV", "BCC"]), "training photos"),
        (TABLE.iloc[[1, 0, 3, 2]], "training photos and stopping photos"),  # batches are drawn by their order
        (TABLE.iloc[:3], "stopping photos"),
    ],
)
def test_other_photos_are_refused(tmp_path: Path, table: pd.DataFrame, named: str) -> None:
    begin_training(tmp_path)
    first = FIRST[: len(table)]
    with pytest.raises(InputError, match=rf"{tmp_path} began with other {named}; restore them, or remove"):
        check_fingerprint(tmp_path, table, {"training photos": first, "stopping photos": ~first})
