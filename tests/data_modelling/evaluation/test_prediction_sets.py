import numpy as np
import pytest

from data_modelling.evaluation import operating_point, prediction_sets
from data_modelling.evaluation.card_doubt import doubt_section
from data_modelling.inference.diagnoses import codes
from data_modelling.rejection import conformal
from data_modelling.rejection import operating_point as choice
from tests.data_modelling.rejection.test_conformal import predictions

CODES = codes("ham10000")
TABLE = predictions(count=1400)
METADATA = {
    "task": "ham10000",
    "classes": list(CODES),
    "temperature": 1.0,
    "decision_prior": dict.fromkeys(CODES, 1 / 7),
    "thresholds": {"cancer": 0.4, "melanoma": 0.2},
    "prediction_sets": conformal.fit(TABLE, "ham10000", 1.0),
    "operating_point": choice.fit(TABLE, "ham10000", 1.0, np.full(7, 1 / 7)),
}


def test_coverage_is_of_groups_and_judged_crosswise() -> None:
    found = prediction_sets.figures(TABLE, METADATA)
    assert found["thresholds_from"] == "the other 4 parts"
    inside = conformal.crossed(TABLE, "photo", "ham10000", 1.0)["90"]
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


def test_the_locked_test_is_judged_with_what_is_served() -> None:
    test = TABLE.assign(part="test")
    served = METADATA | {
        "prediction_sets": {
            given: {level: dict.fromkeys(CODES, 0.0) for level in ("90", "95")} for given in ("photo", "both")
        }
    }
    found = prediction_sets.figures(test, served)
    assert found["thresholds_from"] == "the bundle"
    assert found["photo"]["90"]["coverage"] == 1
    assert found["photo"]["90"]["mean_size"] == 7


def test_a_class_without_photos_has_no_coverage() -> None:
    found = prediction_sets.figures(TABLE[TABLE["truth"] != "DF"].reset_index(drop=True), METADATA)
    assert found["photo"]["90"]["classes"]["DF"] == {"groups": 0, "coverage": None, "interval": None}


def test_the_operating_point_by_hand_on_served_sets() -> None:
    """A locked test of four melanomas and four nevi: one is refused, one has a wide set and is of concern."""
    test = predictions(count=8).assign(part="test", refusals=None)
    truth = ["MEL", "MEL", "MEL", "MEL", "NV", "NV", "NV", "NV"]
    said = {"sure": 6.0, "torn": 2.0}
    test["truth"], test["group_id"] = truth, [str(n) for n in range(8)]
    for mode in ("photo", "both"):
        columns = [f"{mode}_{code}" for code in CODES]
        test[columns] = 0.0
        test.loc[[0, 1], f"{mode}_MEL"] = said["sure"]
        test.loc[[2], f"{mode}_NV"] = said["sure"]  # a melanoma that is taken for a nevus
        test.loc[[3], [f"{mode}_MEL", f"{mode}_NV", f"{mode}_BCC"]] = said["torn"]
        test.loc[[4, 5, 6, 7], f"{mode}_NV"] = said["sure"]
    test.loc[2, "refusals"] = "photo_blurred"
    sets = {"90": dict.fromkeys(CODES, 0.2), "95": dict.fromkeys(CODES, 0.1)}
    served = METADATA | {
        "prediction_sets": {"photo": sets, "both": sets},
        "operating_point": {"largest_share": 0.2, "wide": {"classes": 3, "cancer_classes": None}},
    }
    found = operating_point.figures(test, served)["photo"]
    assert (found["photos"], found["refused"], found["wide"], found["uncertain"]) == (8, 1, 1, 0)
    assert found["share_refused_or_wide"] == 0.25
    assert (
        found["all"]["melanoma_sensitivity"] == 0.75
    )  # of equal probabilities the first class is decided for
    assert found["answered"]["photos"] == 6
    assert found["answered"]["melanoma_sensitivity"] == 1
    assert found["answered"]["balanced_accuracy"] == 1
    assert found["melanomas"] == {
        "photos": 4,
        "refused": 1,
        "wide": 1,
        "uncertain": 0,
        "answered": 2,
        "answered_and_found": 2,
    }


def test_out_of_fold_the_rule_comes_from_the_other_parts() -> None:
    found = operating_point.figures(TABLE, METADATA)
    for given in ("photo", "both"):
        row = found[given]
        assert row["share_refused_or_wide"] < 0.25
        low, high = row["gain"]["balanced_accuracy_interval"]
        assert low <= row["answered"]["balanced_accuracy"] - row["all"]["balanced_accuracy"] <= high
        assert row["curve"][-1]["balanced_accuracy"] == row["all"]["balanced_accuracy"]


def test_the_card_says_what_is_refused_and_what_it_costs() -> None:
    values = {
        "out_of_fold": {
            "prediction_sets": prediction_sets.figures(TABLE, METADATA),
            "operating_point": operating_point.figures(TABLE, METADATA),
        }
    }
    (text,) = doubt_section(METADATA, values)
    row = values["out_of_fold"]["prediction_sets"]["photo"]["90"]
    assert f"| out-of-fold | photo alone | 90 % | 700 | {100 * row['coverage']:.1f} % [" in text
    melanomas = values["out_of_fold"]["operating_point"]["photo"]["melanomas"]
    assert (
        f"Of {melanomas['photos']} melanomas 0 are refused and {melanomas['wide']} have a wide set." in text
    )
    assert METADATA["operating_point"]["reason"] in text
