import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import OneHotEncoder

from data_modelling.evaluation.details_controls import LEAST, details_alone, permute_between_groups
from data_modelling.inference.errors import InputError

TASK = "ham10000"
MEL, NV, BCC = 0, 1, 2


def table(rows: list[tuple[str, float, str | None, str | None]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["diagnosis", "age", "sex", "site"])


def test_details_without_information_give_the_class_shares() -> None:
    """Three nevi to one melanoma, all of the same details: only the intercepts can learn, and they do."""
    rows = [("NV", 50.0, "female", "torso")] * 30 + [("MEL", 50.0, "female", "torso")] * 10
    probability = np.exp(details_alone(table(rows), table(rows[:2]), TASK))
    np.testing.assert_allclose(probability[:, [MEL, NV]], [[0.25, 0.75]] * 2, atol=1e-3)


def test_the_details_alone_follow_their_information() -> None:
    old, young = ("BCC", 80.0, "male", "head/neck"), ("NV", 20.0, "female", "torso")
    said = details_alone(table([old] * 20 + [young] * 20), table([old, young]), TASK)
    assert said[0, BCC] > said[0, NV] + 2
    assert said[1, NV] > said[1, BCC] + 2


def test_the_predicted_row_is_not_in_the_fit() -> None:
    """An age of 80 was only ever a nevus; that the asked row is a melanoma changes nothing."""
    fitted = table([("NV", 80.0, None, None)] * 9 + [("MEL", 20.0, None, None)] * 9)
    for truth in ("NV", "MEL"):
        asked = table([(truth, 80.0, None, None)])
        assert details_alone(fitted, asked, TASK)[0].argmax() == NV


def test_a_class_that_was_not_fitted_is_all_but_impossible() -> None:
    rows = table([("NV", 20.0, None, None), ("MEL", 60.0, None, None)])
    assert details_alone(rows, rows, TASK)[0, BCC] == pytest.approx(np.log(LEAST))


def test_log_probabilities_agree_with_a_regression_on_one_hot_columns_of_pandas() -> None:
    """The encoder's columns are age / 25 - 2, its flag, and one-hot sex and site: made here a second way."""
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    rows = pd.DataFrame(
        {
            "diagnosis": rng.choice(["MEL", "NV"], 80),
            "age": rng.integers(4, 17, 80) * 5.0,
            "sex": rng.choice(["female", "male"], 80),
            "site": rng.choice(["torso", "head/neck"], 80),
        }
    )
    columns = OneHotEncoder(sparse_output=False).fit_transform(rows[["sex", "site"]])
    inputs = np.hstack([(rows[["age"]] - 50) / 25, columns])
    expected = LogisticRegression().fit(inputs, rows["diagnosis"]).predict_log_proba(inputs)
    np.testing.assert_allclose(details_alone(rows, rows, TASK)[:, [MEL, NV]], expected, atol=1e-3)


@pytest.mark.parametrize("sizes", [(1, 1), (2, 2), (3, 1, 1, 1), (2, 1, 4, 1, 3), (1,) * 50])
def test_each_photo_is_passed_on_once_and_never_within_its_group(sizes: tuple[int, ...]) -> None:
    groups = pd.Series(np.repeat([f"HAM_{index}" for index in range(len(sizes))], sizes))
    groups = groups.sample(frac=1, random_state=0, ignore_index=True)
    found = permute_between_groups(groups)
    assert sorted(found) == list(range(len(groups)))
    assert (groups.to_numpy()[found] != groups.to_numpy()).all()


def test_two_photos_exchange_their_details() -> None:
    assert permute_between_groups(pd.Series(["a", "b"])).tolist() == [1, 0]


def test_another_seed_passes_them_on_differently_and_the_same_seed_does_not() -> None:
    groups = pd.Series([f"{index // 2}" for index in range(40)])
    assert (permute_between_groups(groups) == permute_between_groups(groups)).all()
    assert (permute_between_groups(groups, seed=1) != permute_between_groups(groups, seed=2)).any()


def test_a_group_of_more_than_half_is_refused() -> None:
    with pytest.raises(InputError, match="a has 3 of 5"):
        permute_between_groups(pd.Series(["a", "a", "a", "b", "c"]))
