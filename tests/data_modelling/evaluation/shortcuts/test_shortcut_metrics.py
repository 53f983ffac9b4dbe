from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data_modelling.evaluation.shortcuts.shortcut_metrics import (
    COLUMNS,
    MAPS,
    MEASURES,
    VIEWS,
    shortcut_metrics,
    write_shortcuts,
)
from data_modelling.inference.errors import InputError
from data_modelling.metrics.predictions import read_table
from tests.data_modelling.evaluation.equal_classes import CODES, METADATA

SURE = 50.0  # a logit that leaves no doubt


def results(said: dict[str, list[str]], **measures: list[float | None]) -> pd.DataFrame:
    """Four photos, two melanomas and two nevi, each of its own lesion; said: the sure answer in each view."""
    table = pd.DataFrame(
        {
            "image_id": ["d", "b", "c", "a"],
            "group_id": ["4", "2", "3", "1"],
            "part": ["0", "0", "1", "1"],
            "truth": ["MEL", "MEL", "NV", "NV"],
            "decided": said["intact"],
            "lesion_share": [0.1, 0.2, 0.3, 0.4],
        }
    )
    for measure in MEASURES:
        for kind in MAPS:
            table[f"{kind}_{measure}"] = measures.get(f"{kind}_{measure}", [0.5, 0.5, 0.5, 0.5])
    for view in VIEWS:
        for code in CODES:
            table[f"{view}_{code}"] = [SURE * (one == code) for one in said[view]]
    return table


SAID = {
    "intact": ["MEL", "MEL", "NV", "NV"],
    "lesion_painted": ["NV", "NV", "NV", "NV"],
    "background_painted": ["MEL", "NV", "NV", "NV"],
}


def test_views_by_hand() -> None:
    """All right; then all nevi; then one of two melanomas and all nevi."""
    views = shortcut_metrics(results(SAID), METADATA)["views"]
    assert [views[view]["balanced_accuracy"] for view in VIEWS] == [1, 0.5, 0.75]
    assert [views[view]["macro_auc"] for view in VIEWS] == [1, 0.5, 0.75]
    assert views["lesion_painted"]["less_intact"]["balanced_accuracy"] == {
        "difference": -0.5,
        "interval": [-0.5, -0.5],  # whichever lesions are drawn
    }
    low, high = views["background_painted"]["less_intact"]["balanced_accuracy"]["interval"]
    assert (low, high) == (-0.5, 0)  # twice the missed melanoma, or twice the other
    assert "less_intact" not in views["intact"]


def test_means_and_paired_differences_by_hand() -> None:
    found = shortcut_metrics(
        results(SAID, map_inside=[0.9, 0.8, 0.7, 0.6], gaussian_inside=[0.6, 0.5, 0.4, 0.3]), METADATA
    )
    inside = found["inside"]
    assert inside["map"]["mean"] == 0.75
    low, high = inside["map"]["interval"]
    assert low < 0.75 < high
    # Each photo's pair differs by as much, so that the difference is certain though the means are not.
    assert inside["map_less_gaussian"] == {"difference": 0.3, "interval": [0.3, 0.3]}
    assert inside["map_less_random"]["difference"] == 0.25
    assert found["lesion_share"] == 0.25
    assert found["balanced_accuracy_by_chance"] == 0.5
    assert (found["photos"], found["drawn"], found["groups"], found["parts"]) == (4, 4, 4, ["0", "1"])


def test_the_rarer_classes_are_measured_by_themselves() -> None:
    """Of four decisions three are nevi."""
    table = results(SAID | {"intact": ["MEL", "NV", "NV", "NV"]}, map_deletion=[0.1, 0.9, 0.9, 0.9])
    table.loc[1, "truth"] = "NV"
    found = shortcut_metrics(table, METADATA)
    assert found["most_frequent"] == "NV"
    assert found["deletion"]["map"]["mean"] == 0.7
    assert found["deletion_of_the_rarer"]["photos"] == 1
    assert found["deletion_of_the_rarer"]["map"] == {"mean": 0.1, "interval": [0.1, 0.1]}
    assert found["deletion_of_the_rarer"]["map_less_random"]["difference"] == -0.4


def test_a_photo_without_a_measure_counts_nowhere() -> None:
    """The missed melanoma is left out: what remains is all right."""
    table = results(SAID, gaussian_deletion=[0.5, None, 0.5, 0.5])
    found = shortcut_metrics(table, METADATA)
    assert (found["photos"], found["drawn"]) == (3, 4)
    assert found["views"]["background_painted"]["balanced_accuracy"] == 1
    assert found["lesion_share"] == pytest.approx(0.266667)


def test_the_decision_prior_decides() -> None:
    """A melanoma at even odds with a nevus is one where melanomas are rarer."""
    table = results(SAID)
    table[["intact_MEL", "intact_NV"]] = 0.0
    prior = METADATA["decision_prior"] | {"MEL": 0.05}
    found = shortcut_metrics(table, METADATA | {"decision_prior": prior})["views"]["intact"]
    assert found["balanced_accuracy"] == 0.5


def test_results_come_back_sorted_with_three_digits_and_the_same_metrics(tmp_path: Path) -> None:
    table = results(SAID, map_inside=[0.91, 0.8, 0.7, None])
    write_shortcuts(tmp_path / "s.csv", table)
    found = read_table(tmp_path / "s.csv", COLUMNS)
    assert found["image_id"].tolist() == ["a", "b", "c", "d"]
    assert found["map_inside"].isna().tolist() == [True, False, False, False]
    assert found["part"].tolist() == ["1", "0", "1", "0"]
    write_shortcuts(tmp_path / "again.csv", found)
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "s.csv").read_bytes()
    in_order = table.sort_values("image_id").reset_index(drop=True)
    assert shortcut_metrics(found, METADATA) == shortcut_metrics(in_order, METADATA)


def test_results_that_lack_a_column_or_every_measure_are_refused(tmp_path: Path) -> None:
    write_shortcuts(tmp_path / "s.csv", results(SAID).drop(columns="random_inside"))
    with pytest.raises(InputError, match="lacks the column random_inside"):
        read_table(tmp_path / "s.csv", COLUMNS)
    with pytest.raises(InputError, match="No photo in shortcuts.csv.gz has all measures"):
        shortcut_metrics(results(SAID, map_inside=[np.nan] * 4), METADATA)
