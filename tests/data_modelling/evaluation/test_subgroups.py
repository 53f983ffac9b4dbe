import numpy as np
import pandas as pd
import pytest

from data_modelling.evaluation import subgroups
from data_modelling.evaluation.subgroups import skin_type_metrics
from data_modelling.inference.diagnoses import class_codes
from data_modelling.metrics import classification


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


def test_metrics_are_those_of_the_rows() -> None:
    table, (labels, probability, decided) = predictions(), made()
    rows = subgroups.subgroup_rows(table, labels, probability, decided)
    (women,) = [row for row in rows if row["value"] == "female"]
    inside = (table["sex"] == "female").to_numpy()
    assert women["photos"] == inside.sum()
    expected = classification.macro_auc(labels[inside], probability[inside])
    assert women["macro_auc"] == pytest.approx(expected, abs=1e-6)
    low, high = women["macro_auc_interval"]
    assert low < expected < high


def test_a_class_with_few_lesions_does_not_count() -> None:
    labels, probability, decided = made()
    labels = np.where(labels == 2, 0, labels)
    labels[:18] = 2  # nine lesions
    rows = subgroups.subgroup_rows(predictions(), labels, probability, decided)
    (torso,) = [row for row in rows if row["attribute"] == "site"]
    assert torso["classes"] == 2
    expected = np.mean([(decided[labels == one] == one).mean() for one in (0, 1)])
    assert torso["balanced_accuracy"] == pytest.approx(expected, abs=1e-6)


def test_few_lesions_have_a_reason_instead_of_metrics() -> None:
    rows = subgroups.subgroup_rows(predictions(), *made())
    (unknown,) = [row for row in rows if row["attribute"] == "sex" and row["value"] == "not known"]
    assert unknown == {
        "attribute": "sex",
        "value": "not known",
        "photos": 10,
        "groups": 5,
        "said": "5 lesions are too few to say anything.",
    }


def test_a_single_class_has_no_metrics() -> None:
    labels, probability, decided = made()
    rows = subgroups.subgroup_rows(predictions(), np.zeros_like(labels), probability, decided)
    (torso,) = [row for row in rows if row["attribute"] == "site"]
    assert "Fewer than two classes" in torso["said"]
    assert "macro_auc" not in torso


def skin_type_tables(patients: int) -> tuple[pd.DataFrame, pd.DataFrame, dict]:
    """Photos of patients with type II, half of them cancers with a higher score; one patient of type V."""
    ids = [f"P{number}" for number in range(patients + 1)]
    is_cancer = [number % 2 == 0 for number in range(patients + 1)]
    codes = class_codes("ham10000")
    logits = {f"photo_{code}": [2.0 * (c and code == "MEL") for c in is_cancer] for code in codes}
    predictions = pd.DataFrame(
        {
            "image_id": ids,
            "group_id": ids,
            "flag": ["cancer" if cancer else "benign" for cancer in is_cancer],
            **logits,
        }
    )
    types = pd.DataFrame({"image_id": ids, "skin_type": ["II"] * patients + ["V"]})
    return types, predictions, {"task": "ham10000", "temperature": 1.0, "thresholds": {"cancer": 0.5}}


def test_a_skin_type_with_enough_patients_has_metrics_and_a_rare_one_counts_alone():
    metrics = skin_type_metrics(*skin_type_tables(40))
    assert metrics["II"]["cancer_auc"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert (metrics["II"]["sensitivity"]["value"], metrics["II"]["specificity"]["value"]) == (1.0, 1.0)
    assert metrics["V"] == {"photos": 1, "patients": 1, "cancers": 1}
    assert metrics["I"] == {"photos": 0, "patients": 0, "cancers": 0}


def test_actinic_keratosis_counts_for_no_skin_type():
    types, predictions, metadata = skin_type_tables(40)
    predictions.loc[0, "flag"] = "may_become_cancer"
    assert skin_type_metrics(types, predictions, metadata)["II"]["photos"] == 39
