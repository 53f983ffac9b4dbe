"""Tests of our metrics against the field's own scoring program, whose output is committed (see the README beside it)."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data_modelling.inference.diagnoses import class_codes
from data_modelling.metrics import classification, curves

FIXTURE = Path(__file__).with_name("isic_challenge_scoring")
CODES = list(class_codes("ham10000"))


def made() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Truth and predictions, a row a photo, columns image and the classes."""
    rng = np.random.default_rng(7)
    labels = rng.choice(7, 120, p=[0.15, 0.4, 0.1, 0.1, 0.15, 0.05, 0.05])
    scores = np.exp(rng.normal(0, 1, (120, 7)) + 2 * np.eye(7)[labels])
    image = pd.Series([f"photo_{n:03}" for n in range(120)], name="image")
    tables = (np.eye(7)[labels], scores / scores.sum(axis=1, keepdims=True))
    truth, prediction = (pd.concat([image, pd.DataFrame(one, columns=CODES)], axis=1) for one in tables)
    return truth, prediction.round(9)


@pytest.fixture(scope="module")
def fixture() -> tuple[np.ndarray, np.ndarray, dict]:
    """Labels, probabilities and the program's scores."""
    truth, prediction = (
        pd.read_csv(FIXTURE / name)[CODES].to_numpy() for name in ("truth.csv", "prediction.csv")
    )
    return truth.argmax(axis=1), prediction, json.loads((FIXTURE / "scores.json").read_text())


@pytest.mark.parametrize(("name", "place"), [("truth", 0), ("prediction", 1)])
def test_the_fixture_is_what_its_readme_says(name: str, place: int) -> None:
    pd.testing.assert_frame_equal(pd.read_csv(FIXTURE / f"{name}.csv"), made()[place])


def test_balanced_accuracy(fixture: tuple[np.ndarray, np.ndarray, dict]) -> None:
    labels, probability, scores = fixture
    found = classification.balanced_accuracy(
        classification.confusion_counts(labels, probability.argmax(axis=1), 7)
    )
    assert found == pytest.approx(scores["aggregate"]["balanced_accuracy"])


@pytest.mark.parametrize("code", CODES)
def test_metrics_along_the_curve(code: str, fixture: tuple[np.ndarray, np.ndarray, dict]) -> None:
    labels, probability, scores = fixture
    index, of_class = CODES.index(code), scores["per_category"]
    assert classification.class_aucs(labels, probability)[index] == pytest.approx(of_class["auc"][code])
    assert classification.average_precisions(labels, probability)[index] == pytest.approx(
        of_class["ap"][code]
    )
    assert curves.partial_auc_isic(probability[:, index], labels == index) == pytest.approx(
        of_class["auc_sens_80"][code]
    )


@pytest.mark.parametrize("code", CODES)
def test_metrics_of_a_class_called_at_one_half(
    code: str, fixture: tuple[np.ndarray, np.ndarray, dict]
) -> None:
    labels, probability, scores = fixture
    index, of_class = CODES.index(code), scores["per_category"]
    # The class as a question of its own: 0 is "not of it", 1 is "of it".
    matrix = classification.confusion_counts(
        (labels == index).astype(int), (probability[:, index] > 0.5).astype(int), 2
    )
    assert classification.sensitivities(matrix)[1] == pytest.approx(of_class["sensitivity"][code])
    assert classification.class_rates(matrix)["specificity"][1] == pytest.approx(
        of_class["specificity"][code]
    )
    assert classification.class_rates(matrix)["positive_predictive_value"][1] == pytest.approx(
        of_class["ppv"][code]
    )
    assert classification.class_rates(matrix)["negative_predictive_value"][1] == pytest.approx(
        of_class["npv"][code]
    )
    assert classification.accuracy(matrix) == pytest.approx(of_class["accuracy"][code])
