import numpy as np
import pandas as pd
import pytest

from data_modelling.evaluation import metrics, subgroups


def predictions(count: int = 300) -> pd.DataFrame:
    """Two photos a lesion; every third row is a man's, the youngest ten are of no known sex."""
    rng = np.random.default_rng(0)
    age = np.repeat(rng.integers(1, 17, count // 2) * 5.0, 2)
    age[:4] = np.nan
    sex = np.where(np.arange(count) % 3 == 0, "male", "female").astype(object)
    sex[:10] = None
    return pd.DataFrame(
        {
            "group_id": np.repeat(np.arange(count // 2), 2).astype(str),
            "age": age,
            "sex": sex,
            "site": "torso",
            "confirmation": np.where(np.arange(count) % 2 == 0, "histo", "follow_up"),
            "source": "HAM10000",
        }
    )


def made(count: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    labels = np.repeat(rng.integers(0, 3, count // 2), 2)
    scores = rng.random((count, 3)) + 0.4 * np.eye(3)[labels]
    probability = scores / scores.sum(axis=1, keepdims=True)
    return labels, probability, probability.argmax(axis=1)


def test_every_row_is_in_one_subgroup_of_each_attribute() -> None:
    table = predictions()
    counted = pd.DataFrame([(name, inside.sum()) for name, _, inside in subgroups.attributes(table)])
    assert (counted.groupby(0)[1].sum() == len(table)).all()
    assert set(counted[0]) == {"age", "sex", "site", "confirmation", "source"}


@pytest.mark.parametrize(
    ("age", "band"), [(0, "0-29"), (29.9, "0-29"), (30, "30-44"), (75, "75-120"), (120, "75-120")]
)
def test_ages_fall_into_their_band(age: float, band: str) -> None:
    table = predictions(2).assign(age=age)
    assert [
        value for name, value, inside in subgroups.attributes(table) if name == "age" and inside.any()
    ] == [band]


def test_figures_are_those_of_the_rows() -> None:
    table, (labels, probability, decided) = predictions(), made()
    rows = subgroups.subgroups(table, labels, probability, decided)
    (women,) = [row for row in rows if row["value"] == "female"]
    inside = (table["sex"] == "female").to_numpy()
    assert women["photos"] == inside.sum()
    expected = metrics.macro_auc(labels[inside], probability[inside])
    assert women["macro_auc"] == pytest.approx(expected)
    low, high = women["macro_auc_interval"]
    assert low < expected < high


def test_a_class_with_few_lesions_does_not_count() -> None:
    labels, probability, decided = made()
    labels = np.where(labels == 2, 0, labels)
    labels[:18] = 2  # nine lesions
    rows = subgroups.subgroups(predictions(), labels, probability, decided)
    (torso,) = [row for row in rows if row["attribute"] == "site"]
    assert torso["classes"] == 2
    expected = np.mean([(decided[labels == one] == one).mean() for one in (0, 1)])
    assert torso["balanced_accuracy"] == pytest.approx(expected)


def test_of_few_lesions_nothing_is_said_but_that() -> None:
    rows = subgroups.subgroups(predictions(), *made())
    (unknown,) = [row for row in rows if row["attribute"] == "sex" and row["value"] == "not known"]
    assert unknown == {
        "attribute": "sex",
        "value": "not known",
        "photos": 10,
        "groups": 5,
        "said": "5 lesions are too few to say anything.",
    }


def test_of_a_single_class_nothing_is_told_apart() -> None:
    labels, probability, decided = made()
    rows = subgroups.subgroups(predictions(), np.zeros_like(labels), probability, decided)
    (torso,) = [row for row in rows if row["attribute"] == "site"]
    assert "Fewer than two classes" in torso["said"]
    assert "macro_auc" not in torso
