import numpy as np
import pandas as pd
import pytest

from data_modelling.evaluation.locked_test_comparison import compare_with_locked_test, metric_targets
from data_modelling.metrics.predictions import prediction_table

CODES = ["MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC"]


def of_mode(balanced: float, auc: float, melanoma: float, error: float, width: float = 0.05) -> dict:
    """The compared metrics of a mode; intervals reach `width` in both directions."""
    figures = {"balanced_accuracy": balanced, "macro_auc": auc, "expected_calibration_error": error}
    return figures | {
        "intervals": {name: [value - width, value + width] for name, value in figures.items()},
        "classes": {"MEL": {"auc": melanoma, "auc_interval": [melanoma - width, melanoma + width]}},
        "calibration": {
            "equal_width": error,
            "equal_width_of_a_perfect_model": {"mean": 0.02, "percentile_95": 0.04},
        },
    }


def values() -> dict:
    """With the photo alone macro AUC fell by more than the interval; with details the error is beyond chance."""
    return {
        "out_of_fold": {"photo": of_mode(0.8, 0.95, 0.9, 0.03), "both": of_mode(0.82, 0.96, 0.92, 0.031)},
        "locked_test": {"photo": of_mode(0.78, 0.89, 0.88, 0.039), "both": of_mode(0.8, 0.94, 0.9, 0.041)},
    }


def locked(temperature: float = 2.0) -> pd.DataFrame:
    """Photos whose logits are `temperature` times what they should be: labels are drawn from the true ones."""
    rng = np.random.default_rng(1)
    true = rng.normal(0, 2, (3000, 7))
    share = np.exp(true) / np.exp(true).sum(axis=1, keepdims=True)
    labels = (rng.random((3000, 1)) > share.cumsum(axis=1)).sum(axis=1).clip(0, 6)
    facts = dict.fromkeys(("part", "source", "age", "sex", "site", "confirmation"), "0")
    ids = [f"{number:04}" for number in range(3000)]
    table = pd.DataFrame({"image_id": ids, "group_id": ids, "diagnosis": np.array(CODES)[labels], **facts})
    return prediction_table(table, dict.fromkeys(("photo", "both"), true * temperature), "ham10000")


def metadata(threshold: float) -> dict:
    return {
        "task": "ham10000",
        "classes": CODES,
        "temperature": 2.0,
        "thresholds": {"cancer": threshold, "melanoma": threshold},
        "settings": {"cancer_sensitivity": 0.9},
    }


def test_metrics_are_paired_and_the_interval_decides() -> None:
    found = compare_with_locked_test(values(), locked(), metadata(0.1))
    assert found["photo"]["macro_auc"] == {
        "out_of_fold": 0.95,
        "locked_test": 0.89,
        "interval": pytest.approx([0.84, 0.94]),
        "contained": False,
    }
    assert found["photo"]["balanced_accuracy"]["contained"] is True
    assert found["both"]["melanoma_auc"]["out_of_fold"] == 0.92
    assert (
        found["photo"]["expected_calibration_error"]["contained"] is None
    )  # compared with a perfect model instead


def test_the_temperature_in_hindsight_is_the_one_that_the_test_was_made_with() -> None:
    found = compare_with_locked_test(values(), locked(temperature=3.0), metadata(0.1))["temperature"]
    assert found["used"] == 2.0
    assert found["refitted_in_hindsight"] == pytest.approx(3.0, abs=0.15)


def test_sensitivity_at_the_thresholds_is_held_against_what_they_were_chosen_for() -> None:
    low = compare_with_locked_test(values(), locked(), metadata(0.0))["thresholds"]["melanoma"]
    assert (low["chosen_for"], low["sensitivity"], low["interval"]) == (0.9, 1.0, [1.0, 1.0])
    assert low["contained"] is False
    rows = locked()
    scores = np.exp(rows[[f"photo_{code}" for code in CODES]].to_numpy() / 2)
    melanoma = (scores / scores.sum(axis=1, keepdims=True))[(rows["truth"] == "MEL").to_numpy(), 0]
    at_ninety = float(np.quantile(melanoma, 0.1))
    fitting = compare_with_locked_test(values(), rows, metadata(at_ninety))["thresholds"]["melanoma"]
    assert fitting["sensitivity"] == pytest.approx(0.9, abs=0.005)
    assert fitting["contained"] is True


def test_bars_before_the_test_is_opened_are_those_of_the_calibration_out_of_fold() -> None:
    found = metric_targets({"out_of_fold": values()["out_of_fold"]})
    assert [(bar["input"], bar["met"]) for bar in found if bar["met"] is not None] == [
        ("photo", True),
        ("both", False),
    ]
    assert len(found) == 10


def test_bars_after_the_opening() -> None:
    opened = values()
    opened["fit_to_served"] = compare_with_locked_test(opened, locked(), metadata(0.1))
    missed = {(bar["name"], bar["input"], bar["figure"]) for bar in metric_targets(opened) if not bar["met"]}
    assert missed == {
        ("calibration_error_out_of_fold", "both", "expected_calibration_error"),
        ("locked_calibration_error_within_chance", "both", "expected_calibration_error"),
        ("locked_interval_contains_out_of_fold", "photo", "macro_auc"),
    }
