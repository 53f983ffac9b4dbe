import pytest

from data_modelling.card.model_card import fold_phrase, render_card_part

ROW = {
    "date": "2026-11-21",
    "bundle": "ham10000",
    "version": "1.0.0",
    "model_sha256": "a" * 64,
    "metadata_sha256": "b" * 64,
    "reason": "release | first",
}


@pytest.mark.parametrize(
    ("parts", "folds", "text"),
    [
        (["0"], 5, "fold 0 of 5"),
        (["0", "1", "3"], 5, "folds 0, 1 and 3 of 5"),
        (list("01234"), 5, "all 5 folds"),
        (list("01234"), 10, "folds 0, 1, 2, 3 and 4 of 10"),
        (list("0123456789"), 10, "all 10 folds"),
    ],
)
def test_folds_are_named(parts: list[str], folds: int, text: str) -> None:
    assert fold_phrase({"parts": parts, "folds": folds}) == text


def fit(contained: bool) -> dict:
    one = {
        "out_of_fold": 0.9,
        "locked_test": 0.8,
        "interval": [0.7, 0.95 if contained else 0.85],
        "contained": contained,
    }
    return {"photo": {"macro_auc": one}, "both": {"balanced_accuracy": one | {"contained": True}}}


def calibration(error: float) -> dict:
    """Of photos so few that a perfect calibration would show .022 on average, and more than .034 one time in twenty."""
    return {"equal_width": error, "equal_width_of_a_perfect_model": {"mean": 0.022, "percentile_95": 0.034}}


def said(
    rows: list[dict], *, contained: bool = True, changed: tuple[str, ...] = (), version: str = "1.0.0"
) -> str:
    values = {
        "locked_test": {mode: {"calibration": calibration(0.02)} for mode in ("photo", "both")},
        "openings": {"rows": rows, "changed": list(changed)},
        "fit_to_served": fit(contained),
    }
    return render_card_part("locked_test", values, metadata={"version": version})


def test_a_first_opening_and_figures_that_hold() -> None:
    text = said([ROW])
    assert "was opened on 2026-11-21 for version 1.0.0 of this bundle" in text
    assert "This was the first opening of the test." in text
    assert "did not open" not in text
    assert "melanoma AUC, each 95 % interval of the locked test contains the out-of-fold value." in text


def test_a_second_opening_is_said_to_be_one() -> None:
    assert "opening number 2, so the metrics say less than those of a first opening." in said(
        [ROW | {"version": "0.9.0"}, ROW]
    )


def test_a_metric_outside_its_interval_is_named_with_the_direction() -> None:
    text = said([ROW], contained=False)
    assert (
        "does not contain the out-of-fold value of macro AUC with photo alone (.900 lies above [.700, .850])"
        in text
    )


def test_the_ece_is_held_against_a_perfect_calibration_not_against_more_photos() -> None:
    """Its interval need not contain the out-of-fold value; .02 is within chance, .04 is not."""
    found = fit(contained=True)
    found["photo"]["expected_calibration_error"] = {
        "out_of_fold": 0.01,
        "locked_test": 0.02,
        "interval": [0.018, 0.05],
        "contained": None,
    }
    values = {
        "locked_test": {
            "photo": {"calibration": calibration(0.02)},
            "both": {"calibration": calibration(0.04)},
        },
        "openings": {"rows": [ROW], "changed": []},
        "fit_to_served": found,
    }
    text = render_card_part("locked_test", values, metadata={"version": "1.0.0"})
    assert (
        "each 95 % interval of the locked test contains the out-of-fold value. We do not compare the ECE in this way, because"
        in text
    )
    limit = (
        "a perfectly calibrated model has an ECE below .034 in 19 of 20 samples of this size. The ECE here is"
    )
    assert f"With the photo alone, {limit} .020, below this limit." in text
    assert f"With the photo and details, {limit} .040, not below this limit." in text


def test_a_bundle_that_was_changed_after_its_opening_is_said_to_be() -> None:
    one = said([ROW], changed=("metadata.json",))
    assert "metadata.json has changed since the opening (see the CHANGELOG)." in one
    assert "since the opening" not in said([ROW])
    both = said([ROW], changed=("model.onnx", "metadata.json"))
    assert "model.onnx and metadata.json have changed since the opening (" in both


def test_a_version_that_did_not_open_the_test_is_said_to_have_the_metrics_of_the_one_that_did() -> None:
    text = said([ROW], version="1.1.0")
    assert "Version 1.1.0 did not open the test" in text
    assert "the metrics come from the predictions of version 1.0.0." in text
