"""HAM10000's photos of age 0, which means that no age was recorded."""

from pathlib import Path

import pandas as pd
import pytest

from data_modelling.datasets import ham10000
from data_modelling.datasets.formats.photo_files import find_photos
from data_modelling.inference.bundle import load_bundle
from data_modelling.inference.details import parse_details
from data_modelling.inference.predictor import Predictor

PROJECT = Path(__file__).parents[3]


@pytest.mark.slow
def test_age_zero_is_answered_as_no_age(data_root: Path) -> None:
    root = data_root / ham10000.FOLDER
    split = pd.read_csv(PROJECT / "DATA" / "splits" / "ham10000.csv", dtype=str)
    development = set(split.loc[split["part"] != "test", "image_id"])
    rows = pd.read_csv(root / "HAM10000_metadata.csv", dtype=str, keep_default_na=False)
    rows = rows[rows["age"].isin(["0", "0.0"]) & rows["image_id"].isin(development)]
    assert len(rows) == 38
    paths, _ = find_photos(ham10000.photo_folders(root))
    predictor = Predictor(load_bundle(PROJECT / "DATA" / "models" / "ham10000"))
    for row in rows.itertuples():
        data = Path(paths[row.image_id]).read_bytes()
        fields = {"sex": row.sex, "site": row.localization}
        zero, empty = (parse_details({"age": age, **fields})[0] for age in (row.age, ""))
        assert predictor.answer(data, zero) == predictor.answer(data, empty)
