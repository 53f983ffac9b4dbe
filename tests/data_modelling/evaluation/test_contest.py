import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax
from sklearn.metrics import roc_auc_score

from data_modelling.evaluation.calibration import Choices
from data_modelling.evaluation.contest import FIGURES, Contender, Cost, contest, page, write_contest
from data_modelling.inference.errors import InputError
from data_modelling.settings import Settings, read_settings
from tests.conftest import PROJECT

SMOKE = read_settings(PROJECT / "data_modelling" / "configs" / "smoke.toml")
CODES = ("MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC")
CHOICES = Choices(1.0, np.full(7, 1 / 7), 0.5, 0.5)


def contender(name: str, right: int, photos: int = 70, settings: Settings = SMOKE) -> Contender:
    """Certain of everything; of each class's ten photos `right` are right, the others said to be of the next class."""
    truth = np.arange(photos) % 7
    said = np.where(np.arange(photos) // 7 < right, truth, (truth + 1) % 7)
    predictions = pd.DataFrame(8.0 * np.eye(7)[said], columns=[f"photo_{code}" for code in CODES])
    predictions["truth"] = np.array(CODES)[truth]
    predictions["image_id"] = [f"p{number:03}" for number in range(photos)]
    predictions["group_id"] = [f"g{number:03}" for number in range(photos)]
    # Not in the order of the ids: photos are paired by id.
    shuffled = predictions.sample(frac=1, random_state=right)
    return Contender(
        dataclasses.replace(settings, name=name), shuffled, CHOICES, Cost(123_456, 7_000_000, 6, 1.5)
    )


def test_balanced_accuracies_and_their_difference_by_hand() -> None:
    rows = contest([contender("good", 9), contender("worse", 4)]).set_index("name")
    assert rows["balanced_accuracy"].tolist() == pytest.approx([0.9, 0.4])
    assert rows.loc["worse", "balanced_accuracy_less_first"] == pytest.approx(-0.5)
    # A photo that is wrong only with the worse: none is the other way round, so no resample favours it.
    assert rows.loc["worse", "balanced_accuracy_less_first_high"] < 0


def test_melanoma_auc_is_scikit_learns_of_the_tempered_probabilities() -> None:
    one = contender("one", 5)
    noise = np.random.default_rng(0).normal(size=(70, 7))
    one.predictions[[f"photo_{code}" for code in CODES]] = noise + 2 * np.eye(7)[np.arange(70) % 7]
    tempered = dataclasses.replace(one, choices=dataclasses.replace(CHOICES, temperature=3.0))
    rows = contest([contender("first", 5), tempered])
    scores = softmax(one.predictions.filter(like="photo_").to_numpy() / 3, axis=1)[:, 0]
    assert rows.loc[1, "melanoma_auc"] == pytest.approx(
        roc_auc_score(one.predictions["truth"] == "MEL", scores), abs=1e-6
    )


def test_a_recipe_less_itself_is_nothing_for_certain() -> None:
    rows = contest([contender("one", 5), contender("same", 5)])
    assert rows["set_apart_by"].tolist() == ["nothing", "nothing"]
    for name in FIGURES:
        assert rows.loc[1, [f"{name}_less_first{end}" for end in ("", "_low", "_high")]].tolist() == [0.0] * 3


def test_what_sets_apart_is_what_differs_but_labels() -> None:
    network = dataclasses.replace(SMOKE.network, name="resnet34")
    other = dataclasses.replace(SMOKE, version="9.9", network=network, cancer_sensitivity=0.8)
    rows = contest([contender("one", 5), contender("other", 5, settings=other)])
    assert rows["set_apart_by"].tolist() == [
        "cancer_sensitivity 0.9, network.name cnn",
        "cancer_sensitivity 0.8, network.name resnet34",
    ]


def test_other_photos_are_refused() -> None:
    with pytest.raises(InputError, match="one and other were judged on different photos"):
        contest([contender("one", 5), contender("other", 5, photos=63)])


def test_the_page_says_what_the_csv_holds(tmp_path: Path) -> None:
    rows = contest([contender("good", 9), contender("worse", 4)])
    write_contest(tmp_path / "page.md", rows)
    text = (tmp_path / "page.md").read_text()
    assert text == page(pd.read_csv(tmp_path / "page.csv", dtype={"folds": str}), "page.csv")
    worse = rows.loc[1]
    between = ", ".join(f"{worse[f'balanced_accuracy_less_first_{end}']:+.3f}" for end in ("low", "high"))
    assert f" | -0.500 [{between}] | " in text
    assert "| worse | nothing | 32 | 123,456 | 7 | 6 | 1.5 |" in text
    assert (
        "the same 70 photos of 70 lesions, which the networks had not seen (fold 0 of the split smoke)"
        in text
    )
