import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data_modelling.inference.diagnoses import class_codes
from data_modelling.inference.errors import InputError
from data_modelling.inference.modes import MODES
from data_modelling.metrics.predictions import (
    CONTROL_MODES,
    available_modes,
    mode_logits,
    prediction_table,
    read_predictions,
    read_table,
    round_logits,
    write_predictions,
    write_table,
)

TASK = "ham10000"
TABLE = pd.DataFrame(
    {
        "image_id": ["b", "a"],
        "group_id": ["2", "1"],
        "part": ["0", "0"],
        "source": ["HAM10000"] * 2,
        "diagnosis": ["NV", "MEL"],
        "age": [45.0, np.nan],
        "sex": ["male", None],
        "site": ["torso", None],
        "confirmation": ["histo"] * 2,
    }
)


def made() -> pd.DataFrame:
    numbers = np.arange(14).reshape(2, 7) + 0.123456789
    return prediction_table(
        TABLE, {mode: numbers + place for place, mode in enumerate(MODES + CONTROL_MODES)}, TASK
    )


def test_all_modes_come_back_each_with_its_decimals(tmp_path: Path) -> None:
    write_predictions(tmp_path / "p.csv", made())
    found = read_predictions(tmp_path / "p.csv")
    assert found["image_id"].tolist() == ["a", "b"]
    assert available_modes(found, TASK) == ("photo", "both", "details", "shuffled")
    assert found.filter(like="both_").iloc[1, :2].tolist() == [1.123, 2.123]
    assert found.filter(like="shuffled_").iloc[1, :2].tolist() == [3.12, 4.12]
    assert (tmp_path / "p.csv").read_text().splitlines()[2].endswith(",9.12")  # VASC of the last mode
    assert ",45,male," in (tmp_path / "p.csv").read_text()


def test_equal_tables_give_equal_compressed_files_that_can_be_read(tmp_path: Path) -> None:
    table = pd.DataFrame({"image_id": ["a", "b"], "site": ["", "torso"], "score": [0.25, 2.0]})
    one, other = tmp_path / "one.csv.gz", tmp_path / "other.csv.gz"
    for path in (one, other):
        write_table(path, table, float_format="%.1f")
    assert one.read_bytes() == other.read_bytes()
    assert gzip.decompress(one.read_bytes()) == b"image_id,site,score\na,,0.2\nb,torso,2.0\n"
    assert read_table(one, table)["score"].tolist() == [0.2, 2.0]


def test_what_is_chosen_on_is_what_the_file_keeps(tmp_path: Path) -> None:
    write_predictions(tmp_path / "p.csv", made())
    kept = round_logits(made()).sort_values("image_id").reset_index(drop=True)
    for mode in MODES + CONTROL_MODES:
        np.testing.assert_array_equal(
            mode_logits(kept, mode, TASK), mode_logits(read_predictions(tmp_path / "p.csv"), mode, TASK)
        )


def test_predictions_without_the_controls_can_still_be_read(tmp_path: Path) -> None:
    """As they were written before there were any."""
    old = made().drop(columns=[name for name in made() if name.startswith(("details_", "shuffled_"))])
    write_predictions(tmp_path / "p.csv", old)
    assert available_modes(read_predictions(tmp_path / "p.csv"), TASK) == MODES


def test_predictions_that_lack_a_fact_are_refused(tmp_path: Path) -> None:
    write_predictions(tmp_path / "p.csv", made().drop(columns="truth"))
    with pytest.raises(InputError, match=r"lacks the column truth"):
        read_predictions(tmp_path / "p.csv")


def test_equal_differences_of_logits_are_equal_in_each_bit() -> None:
    """2.337 - 4.392 and 0.337 - 2.392 are not, so that the last bit would decide between two equal probabilities."""
    columns = {f"photo_{code}": [0.337, 2.337] for code in class_codes(TASK)} | {"photo_NV": [2.392, 4.392]}
    assert columns["photo_MEL"][0] - 2.392 != columns["photo_MEL"][1] - 4.392
    first, second = mode_logits(pd.DataFrame(columns), "photo", TASK)
    assert first.tolist() == second.tolist()
    assert first[:2] == pytest.approx([-2.055, 0])  # MEL, NV
