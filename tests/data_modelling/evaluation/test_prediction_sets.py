import numpy as np
import pytest

from data_modelling.card.model_card import render_card_part
from data_modelling.evaluation import prediction_sets
from data_modelling.inference.diagnoses import class_codes
from data_modelling.safety import prediction_sets as fitting
from tests.data_modelling.safety.test_conformal import predictions

CODES = class_codes("ham10000")
TABLE = predictions(count=1400)
METADATA = {
    "task": "ham10000",
    "classes": list(CODES),
    "temperature": 1.0,
    "decision_prior": dict.fromkeys(CODES, 1 / 7),
    "thresholds": {"cancer": 0.4, "melanoma": 0.2},
    "prediction_sets": fitting.fit_prediction_sets(TABLE, "ham10000", 1.0),
    "operating_point": fitting.fit_operating_point(TABLE, "ham10000", 1.0, np.full(7, 1 / 7)),
}


def test_coverage_is_of_groups_and_cross_fitted() -> None:
    found = prediction_sets.set_metrics(TABLE, METADATA)
    assert found["thresholds_from"] == "the other 4 parts"
    inside = fitting.cross_fitted_sets(TABLE, "photo", "ham10000", 1.0)["90"]
    truth = np.array([CODES.index(code) for code in TABLE["truth"]])
    covered = inside[np.arange(len(TABLE)), truth]
    by_group = TABLE.assign(covered=covered).groupby("group_id")["covered"].mean()
    row = found["photo"]["90"]
    assert row["coverage"] == pytest.approx(by_group.mean(), abs=1e-6)
    assert row["groups"] == 700
    low, high = row["interval"]
    assert low < row["coverage"] < high
    of_melanoma = TABLE.loc[TABLE["truth"] == "MEL", "group_id"].unique()
    assert row["classes"]["MEL"]["coverage"] == pytest.approx(by_group[of_melanoma].mean(), abs=1e-6)
    women = TABLE.loc[TABLE["sex"] == "female", "group_id"].unique()
    (of_women,) = [one for one in row["subgroups"] if one["value"] == "female"]
    assert of_women["coverage"] == pytest.approx(by_group[women].mean(), abs=1e-6)
    assert row["mean_size"] == pytest.approx(
        inside.sum(axis=1).mean(), abs=1e-6
    )  # groups are all of two photos
    assert sum(row["share_of_sizes"].values()) == pytest.approx(1, abs=1e-5)


def test_the_locked_test_uses_the_served_thresholds() -> None:
    test = TABLE.assign(part="test")
    served = METADATA | {
        "prediction_sets": {
            given: {level: dict.fromkeys(CODES, 0.0) for level in ("90", "95")} for given in ("photo", "both")
        }
    }
    found = prediction_sets.set_metrics(test, served)
    assert found["thresholds_from"] == "the bundle"
    assert found["photo"]["90"]["coverage"] == 1
    assert found["photo"]["90"]["mean_size"] == 7


def test_a_class_without_photos_has_no_coverage() -> None:
    found = prediction_sets.set_metrics(TABLE[TABLE["truth"] != "DF"].reset_index(drop=True), METADATA)
    assert found["photo"]["90"]["classes"]["DF"] == {"groups": 0, "coverage": None, "interval": None}


def test_the_card_has_the_coverage_and_the_rule_for_wide_sets() -> None:
    values = {
        "out_of_fold": {
            "prediction_sets": prediction_sets.set_metrics(TABLE, METADATA),
        }
    }
    text = render_card_part("uncertainty", values, metadata=METADATA)
    row = values["out_of_fold"]["prediction_sets"]["photo"]["90"]
    assert f"| out-of-fold | photo alone | 90 % | 700 | {100 * row['coverage']:.1f} % [" in text
    point = METADATA["operating_point"]
    assert f"leave at most {point['largest_share'] * 100:.0f} % of the photos unanswered" in text
    assert ("Only an empty set is wide." in text) == (set(point["wide"].values()) == {None})


def test_the_card_says_when_a_set_is_wide_and_what_this_costs() -> None:
    values = {"out_of_fold": {"prediction_sets": prediction_sets.set_metrics(TABLE, METADATA)}}
    point = METADATA["operating_point"] | {
        "wide": {"classes": 4, "cancer_classes": 1},
        "share_refused_or_wide": 0.19,
        "balanced_accuracy_of_answered": 0.75,
        "balanced_accuracy_of_all": 0.6875,
    }
    text = render_card_part("uncertainty", values, metadata=METADATA | {"operating_point": point})
    assert (
        "if it is empty or has at least 4 classes or has at least 1 cancer class and one other class." in text
    )
    assert "This leaves 19.0 % of the out-of-fold photos unanswered." in text
    assert "The balanced accuracy of the others is .750 instead of .688." in text
