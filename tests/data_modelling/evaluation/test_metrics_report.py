import json
from pathlib import Path

import pandas as pd
import pytest

from data_modelling.evaluation.metrics_report import split_metrics
from data_modelling.inference.diagnoses import class_codes

CODES = class_codes("ham10000")


@pytest.fixture
def bundle(smoke_run: Path) -> tuple[pd.DataFrame, dict]:
    predictions = pd.read_csv(smoke_run / "predictions" / "out_of_fold.csv.gz", dtype={"part": str})
    return predictions, json.loads((smoke_run / "metadata.json").read_text())


def test_each_mode_has_metrics_and_each_pair_its_differences(bundle: tuple[pd.DataFrame, dict]) -> None:
    found = split_metrics(*bundle)
    for pair, (mode, other) in {
        "both_less_photo": ("both", "photo"),
        "photo_less_details": ("photo", "details"),
        "both_less_shuffled": ("both", "shuffled"),
    }.items():
        for name in ("balanced_accuracy", "macro_auc", "accuracy_most_probable"):
            expected = found[mode][name] - found[other][name]
            assert found["comparisons"][pair][name]["difference"] == pytest.approx(expected, abs=2e-6)
    assert found["effect_of_details"] == found["comparisons"]["both_less_photo"]


def test_details_that_change_nothing_differ_by_nothing(bundle: tuple[pd.DataFrame, dict]) -> None:
    predictions, metadata = bundle
    same = predictions.assign(**{f"shuffled_{code}": predictions[f"both_{code}"] for code in CODES})
    found = split_metrics(same, metadata)["comparisons"]["both_less_shuffled"]
    assert all(one == {"difference": 0.0, "interval": [0.0, 0.0]} for one in found.values())


def test_the_networks_temperature_is_not_put_on_the_details_alone(bundle: tuple[pd.DataFrame, dict]) -> None:
    predictions, metadata = bundle
    before, after = (split_metrics(predictions, metadata | {"temperature": degree}) for degree in (1.0, 3.0))
    assert before["details"] == after["details"]
    assert before["photo"]["brier_score"] != after["photo"]["brier_score"]


def test_predictions_without_controls_have_metrics_of_what_is_there(
    bundle: tuple[pd.DataFrame, dict],
) -> None:
    predictions, metadata = bundle
    old = predictions.drop(
        columns=[name for name in predictions if name.startswith(("details_", "shuffled_"))]
    )
    found = split_metrics(old, metadata)
    assert set(found["comparisons"]) == {"both_less_photo"}
    assert not {"details", "shuffled"} & set(found)


def test_a_mix_of_sources_has_the_metrics_of_each(bundle: tuple[pd.DataFrame, dict]) -> None:
    """Those that the source's photos have by themselves; of one source alone there are none."""
    predictions, metadata = bundle
    assert "by_source" not in split_metrics(predictions, metadata)
    halves = predictions["group_id"].rank(method="dense").astype(int) % 2 == 1
    mixed = predictions.assign(source=halves.map({True: "A", False: "B"}))
    found = split_metrics(mixed, metadata)["by_source"]
    alone = split_metrics(mixed[halves].reset_index(drop=True), metadata)
    assert list(found) == ["A", "B"]
    assert found["A"]["photos"] + found["B"]["photos"] == len(predictions)
    for mode in ("photo", "both"):
        for name in ("balanced_accuracy", "macro_auc", "accuracy_most_probable"):
            assert found["A"][mode][name] == pytest.approx(alone[mode][name], abs=1e-6)
            assert found["A"][mode]["intervals"][name] == pytest.approx(alone[mode]["intervals"][name])
