import numpy as np
import pandas as pd
import pytest

from data_modelling.inference.decision import set_members
from data_modelling.inference.diagnoses import class_codes
from data_modelling.inference.modes import PHOTO_AND_DETAILS, PHOTO_ONLY
from data_modelling.safety import prediction_sets

CODES = class_codes("ham10000")


def test_the_photos_of_a_group_weigh_one_together() -> None:
    labels, groups = np.array([0, 0, 0, 1, 1]), np.array([0, 0, 1, 2, 2])
    assert prediction_sets.group_weights(labels, groups).tolist() == [0.5, 0.5, 1, 0.5, 0.5]


def test_thresholds_by_hand() -> None:
    """Nine groups of class 0 with one photo each, scores .1 to .9: with the next one ten.

    At or above the threshold lie 80 % of ten, eight: of the scores .9 down to .2. Class 1 has a group alone, too
    few for any promise.
    """
    score = np.arange(1, 10) / 10
    probability = np.stack([np.append(score, 0.3), np.append(1 - score, 0.7)], axis=1)
    labels, groups = np.array([0] * 9 + [1]), np.arange(10)
    assert prediction_sets.class_thresholds(probability, labels, groups, 0.8).tolist() == [0.2, 0.0]
    assert prediction_sets.class_thresholds(probability, labels, groups, 0.91).tolist() == [0.0, 0.0]


def test_twins_change_nothing() -> None:
    """A second photo with the same score in every group: the same weights at the same places."""
    rng = np.random.default_rng(0)
    probability = rng.dirichlet((1, 1, 1), 300)
    labels, groups = rng.integers(0, 3, 300), np.arange(300)
    alone = prediction_sets.class_thresholds(probability, labels, groups, 0.9)
    twins = prediction_sets.class_thresholds(
        *(np.repeat(values, 2, axis=0) for values in (probability, labels, groups)), 0.9
    )
    assert (alone == twins).all()


@pytest.mark.parametrize("level", [0.9, 0.95])
def test_a_photo_of_a_new_group_is_covered_as_promised(level: float) -> None:
    """Simulated: groups of 1 to 8 photos that share most of their score; large ones are harder."""
    rng = np.random.default_rng(1)
    covered, drawn = 0.0, 3000
    for _ in range(drawn):
        sizes = rng.choice([1, 2, 8], 41, p=[0.6, 0.3, 0.1])
        groups = np.repeat(np.arange(41), sizes)
        centre = rng.normal(-0.3 * sizes, 1)
        score = 1 / (1 + np.exp(-(centre[groups] + rng.normal(0, 0.5, len(groups)))))
        probability = np.stack([score, 1 - score], axis=1)
        known = groups < 40
        found = prediction_sets.class_thresholds(
            probability[known], np.zeros(known.sum(), int), groups[known], level
        )
        inside = set_members(probability[~known], found)[:, 0]
        covered += inside.mean() / drawn
    assert level - 0.01 < covered < level + 1 / 41 + 0.01


def predictions(parts: str = "0", count: int = 400, seed: int = 2) -> pd.DataFrame:
    """Two photos a group; the logit of the true class is raised."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(rng.integers(0, 7, count // 2), 2)
    logits = rng.normal(0, 1, (count, 7)) + 2 * np.eye(7)[labels]
    facts = pd.DataFrame(
        {
            "image_id": [f"i{n:04}" for n in range(count)],
            "group_id": np.repeat(np.arange(count // 2), 2).astype(str),
            "part": np.repeat(rng.choice(list(parts), count // 2), 2),
            "truth": np.array(CODES)[labels],
            "age": np.repeat(rng.integers(2, 17, count // 2) * 5.0, 2),
            "sex": np.repeat(rng.choice(["female", "male"], count // 2), 2),
            "site": "torso",
            "source": "HAM10000",
            "confirmation": "histo",
        }
    )
    columns = {f"{mode}_{code}": logits[:, i] for mode in ("photo", "both") for i, code in enumerate(CODES)}
    return pd.concat([facts, pd.DataFrame(columns)], axis=1)


def test_a_single_fold_is_dealt_into_five_parts_of_whole_groups() -> None:
    table = predictions()
    parts = prediction_sets.calibration_folds(table)
    assert len(set(parts)) == 5
    assert pd.Series(parts).groupby(table["group_id"]).nunique().max() == 1
    assert set(prediction_sets.calibration_folds(predictions("012"))) == {"0", "1", "2"}


def test_a_photo_has_no_say_in_its_own_set() -> None:
    """The probability of one part's true classes is spoilt: the thresholds for it stay, others move."""
    table = predictions("012")
    rows = (table["part"] == "0").to_numpy()
    spoilt = table.copy()
    spoilt.loc[rows, [f"photo_{code}" for code in CODES]] = 0.0
    before, after = (
        prediction_sets.cross_fitted_sets(one, PHOTO_ONLY, "ham10000", 1.0)["90"] for one in (table, spoilt)
    )
    assert (before[~rows] != after[~rows]).any()
    probability = 1 / 7
    chosen = prediction_sets.class_thresholds(
        np.exp(table.loc[~rows, [f"photo_{code}" for code in CODES]].to_numpy())
        / np.exp(table.loc[~rows, [f"photo_{code}" for code in CODES]].to_numpy()).sum(axis=1, keepdims=True),
        np.array([CODES.index(code) for code in table.loc[~rows, "truth"]]),
        pd.factorize(table.loc[~rows, "group_id"])[0],
        0.9,
    )
    assert (after[rows] == (probability >= chosen)).all()


def test_what_the_bundle_gets() -> None:
    table = predictions()
    found = prediction_sets.fit_prediction_sets(table, "ham10000", 1.5)
    assert list(found[PHOTO_ONLY]) == ["90", "95"]
    assert found[PHOTO_ONLY] == found[PHOTO_AND_DETAILS]  # their logits are the same here
    assert all(found[PHOTO_ONLY]["95"][code] <= found[PHOTO_ONLY]["90"][code] for code in CODES)
    assert found["groups"] == (table.groupby("truth")["group_id"].nunique()).reindex(CODES).to_dict()
    served = prediction_sets.served_sets(
        table,
        PHOTO_ONLY,
        {"task": "ham10000", "classes": CODES, "temperature": 1.5, "prediction_sets": found},
    )
    truth = np.array([CODES.index(code) for code in table["truth"]])
    covered = served["90"][np.arange(len(table)), truth]
    for label in range(7):
        assert covered[truth == label].mean() >= 0.9


def test_no_set_promises_a_class_that_has_no_photo() -> None:
    """A fold may lack a class of ISIC 2019 that has photos in other folds: this class is in every set."""
    table = predictions("012").replace({"truth": {"AKIEC": "SCC"}})
    table = table.rename(columns=lambda name: str(name).replace("AKIEC", "SCC"))
    table = table.assign(**{f"{mode}_{code}": -3.0 for mode in ("photo", "both") for code in ("AK", "UNK")})
    found = prediction_sets.fit_prediction_sets(table, "isic2019", 1.0)
    assert found[PHOTO_ONLY]["90"]["UNK"] == found[PHOTO_AND_DETAILS]["95"]["UNK"] == 1
    assert found[PHOTO_ONLY]["90"]["AK"] == 0
    inside = prediction_sets.cross_fitted_sets(table, PHOTO_ONLY, "isic2019", 1.0)["90"]
    assert not inside[:, class_codes("isic2019").index("UNK")].any()
    assert inside[:, class_codes("isic2019").index("AK")].all()
