"""The classical baseline learns from the other folds and from nothing of the judged one."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from data_modelling.baseline import boosting
from data_modelling.baseline.boosting import baseline, fitted_answers
from data_modelling.settings import read_settings
from data_modelling.training.development import Development
from tests.conftest import PROJECT

SMOKE = read_settings(PROJECT / "data_modelling" / "configs" / "smoke.toml")
CODES = ("MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC")
MARKER = 1e6


@pytest.fixture(autouse=True)
def few_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boosting, "ROUNDS", 8)


def development(photos: int = 210) -> Development:
    """Thirty flat photos of each class: the class is the red, give or take; folds by turns, each lesion one photo."""
    rng = np.random.default_rng(1)
    number = np.arange(photos)
    labels = number % 7
    pixels = np.zeros((photos, 16, 16, 3), np.uint8)
    pixels[..., 0] = (labels * 30 + rng.integers(0, 12, photos))[:, None, None]
    table = pd.DataFrame(
        {
            "image_id": [f"p{one:03}" for one in number],
            "group_id": [f"g{one:03}" for one in number],
            "diagnosis": np.array(CODES)[labels],
            "part": (number // 7 % 5).astype(str),
            "age": np.nan,
            "sex": pd.Series([None] * photos, dtype="str"),
            "site": pd.Series([None] * photos, dtype="str"),
        }
    )
    return Development(table, pixels)


def test_it_learns_what_is_plain_and_answers_for_the_judged_fold(tmp_path: Path) -> None:
    photos = development()
    answers, seconds = baseline(SMOKE, photos, tmp_path)
    judged = photos.table[photos.table["part"] == "0"]
    assert answers["image_id"].tolist() == judged["image_id"].tolist()
    said = np.array(CODES)[answers[list(CODES)].to_numpy().argmax(axis=1)]
    assert (said == judged["diagnosis"]).mean() > 0.9
    np.testing.assert_allclose(np.exp(answers[list(CODES)]).sum(axis=1), 1, atol=1e-3)
    assert seconds > 0
    pd.testing.assert_frame_equal(baseline(SMOKE, photos, tmp_path)[0], answers)


def test_no_row_of_the_judged_fold_is_fitted_or_chosen_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The judged fold's rows carry a marker, which no fit and no choice of the rounds must see."""
    seen: list[np.ndarray] = []
    fit, staged = (
        HistGradientBoostingClassifier.fit,
        HistGradientBoostingClassifier.staged_predict_proba,
    )

    def noted_fit(self, columns, labels):
        seen.append(columns)
        return fit(self, columns, labels)

    def noted_staged(self, columns):
        seen.append(columns)
        return staged(self, columns)

    monkeypatch.setattr(HistGradientBoostingClassifier, "fit", noted_fit)
    monkeypatch.setattr(HistGradientBoostingClassifier, "staged_predict_proba", noted_staged)
    photos = development()
    inside = (photos.table["part"] == "0").to_numpy()
    marked = np.where(inside, MARKER, 0.0)[:, None].astype(np.float32)
    monkeypatch.setattr(boosting, "cached_features", lambda *_: (marked, 0.0))
    baseline(SMOKE, photos, tmp_path)
    learning, chosen, refitted = (columns[:, 0] for columns in seen)
    assert not any((columns == MARKER).any() for columns in (learning, chosen, refitted))
    assert len(learning) + len(chosen) == len(refitted) == (~inside).sum()


def test_the_judged_labels_change_nothing(tmp_path: Path) -> None:
    photos = development()
    other = photos.table.copy()
    other.loc[other["part"] == "0", "diagnosis"] = "NV"
    first, _ = baseline(SMOKE, photos, tmp_path / "first")
    second, _ = baseline(SMOKE, Development(other, photos.pixels), tmp_path / "second")
    pd.testing.assert_frame_equal(first, second)


def test_photos_of_other_sets_beside_change_nothing(tmp_path: Path) -> None:
    photos = development()
    more = photos.table.head(3).assign(image_id=["a", "b", "c"])
    beside = Development(photos.table, np.concatenate([photos.pixels, photos.pixels[:3]]), more)
    first, _ = baseline(SMOKE, photos, tmp_path / "first")
    second, _ = baseline(SMOKE, beside, tmp_path / "second")
    pd.testing.assert_frame_equal(first, second)


def test_another_fold_is_judged_where_the_recipe_says_so(tmp_path: Path) -> None:
    photos = development()
    answers, _ = baseline(replace(SMOKE, figure_folds=(3,)), photos, tmp_path)
    assert set(answers["image_id"]) == set(photos.table["image_id"][photos.table["part"] == "3"])


def test_a_class_that_was_not_fitted_is_next_to_impossible() -> None:
    columns = np.arange(40.0)[:, None]
    labels = (np.arange(40) >= 20).astype(np.int64) * 2
    inside, stopping = np.arange(40) % 4 == 0, np.arange(40) % 4 == 1
    found, rounds = fitted_answers(columns, labels, inside, stopping, 3, seed=0)
    assert 1 <= rounds <= boosting.ROUNDS
    assert np.exp(found[:, 1]) == pytest.approx([boosting.LEAST] * 10)
