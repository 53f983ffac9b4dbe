import dataclasses
import json

import numpy as np
import pytest

from data_modelling.inference.errors import InputError
from data_modelling.settings import Settings, as_dict
from data_modelling.story.rows import FIGURES, differing, read_matrix, rows, written
from data_modelling.story.telling import Told
from tests.data_modelling.story.made import MEL, PHOTOS, bundle, told


@pytest.fixture(scope="module")
def story() -> list[Told]:
    return [told("unchanged", 3, 2), told("class_weights", 9, 6), told("final", 8, 0)]


def test_figures_and_differences_by_hand(story: list[Told]) -> None:
    table = rows(story, (), bundle()).set_index("name")
    sensitivity = [3 / 12, 9 / 12, 8 / 12]
    assert table["melanoma_sensitivity"].tolist() == pytest.approx(sensitivity, abs=1e-6)
    # All other classes are right but moles called melanoma and all dermatofibromas.
    balanced = [(found + 1 - wrong / 30 + 4) / 7 for found, wrong in zip(sensitivity, (2, 6, 0), strict=True)]
    assert table["balanced_accuracy"].tolist() == pytest.approx(balanced, abs=1e-6)
    assert table["less"].fillna("").tolist() == ["", "unchanged", "class_weights"]
    assert table["melanoma_sensitivity_less"].tolist()[1:] == pytest.approx([0.5, -1 / 12], abs=1e-5)
    # Six melanomas more are found and none is lost; then one is lost and none found.
    assert table["melanomas_won"].tolist()[1:] == [6, 0]
    assert table["melanomas_lost"].tolist()[1:] == [0, 1]
    for name in FIGURES:
        assert (table[f"{name}_low"] <= table[name]).all()
        assert (table[f"{name}_high"] >= table[name]).all()


def test_the_matrix_is_that_of_the_steps_own_decision_and_reads_back(story: list[Told]) -> None:
    other = dataclasses.replace(story[0], by_prior=np.zeros(sum(PHOTOS), np.int64))
    row = rows([other], (), bundle()).iloc[0]
    matrix = read_matrix(row["confusion"])
    assert matrix.sum(axis=1).tolist() == list(PHOTOS)
    assert matrix[MEL].tolist() == [3, 9, 0, 0, 0, 0, 0]
    assert written(matrix) == row["confusion"]
    # By the other decision all is melanoma: one class of seven is right.
    assert row["balanced_accuracy_by_prior"] == pytest.approx(1 / 7, abs=1e-6)


def test_the_bundles_figures_stand_with_the_final_recipe_alone(story: list[Told]) -> None:
    table = rows(story, (), bundle()).set_index("name")
    photo = bundle().metrics["out_of_fold"]["photo"]
    assert table["full_balanced_accuracy"].isna().tolist() == [True, True, False]
    final = table.loc["final"]
    assert final["full_macro_auc"] == photo["macro_auc"]
    ends = [final[f"full_melanoma_sensitivity_{end}"] for end in ("low", "high")]
    assert ends == photo["classes"]["MEL"]["sensitivity_interval"]
    assert final["full_bundle"] == f"ham10000 {bundle().version}"


def larger(recipe: Settings) -> Settings:
    """The recipe under another name, larger, longer and of all folds, and nothing else."""
    network = dataclasses.replace(recipe.network, edge=96)
    training = dataclasses.replace(recipe.training, epochs=80, warmup_epochs=3.5)
    return dataclasses.replace(
        recipe,
        name="full",
        version="7.0",
        folds=10,
        figure_folds=tuple(range(10)),
        network=network,
        training=training,
    )


def test_a_recipe_at_full_size_differs_by_what_is_neither_size_nor_length(story: list[Told]) -> None:
    small = dataclasses.replace(story[2].settings, more_photos=(), earlier={})
    full = larger(small)
    assert differing(small, full) == {}
    training = dataclasses.replace(full.training, generations=2)
    earlier = {"training": {"epochs": 100, "balance": 1.0}}
    other = dataclasses.replace(full, more_photos=("isic2017",), training=training, earlier=earlier)
    assert differing(small, other) == {
        "more_photos": ((), ("isic2017",)),
        "training.generations": (small.training.generations, 2),
        "earlier.training.balance": (None, 1.0),
    }


def test_the_final_row_holds_how_its_recipe_differs_from_the_bundles(story: list[Told]) -> None:
    small = story[2].settings
    full = dataclasses.replace(larger(small), seed=small.seed + 1)
    metadata = bundle().metadata | {"settings": as_dict(full)}
    metadata["settings"] = json.loads(json.dumps(metadata["settings"]))  # as a bundle's file holds it
    table = rows(story, (), dataclasses.replace(bundle(), metadata=metadata)).set_index("name")
    assert json.loads(table.loc["final", "full_differs"]) == {"seed": [small.seed, small.seed + 1]}
    assert table["full_differs"].isna().tolist() == [True, True, False]


def test_steps_of_other_photos_are_refused(story: list[Told]) -> None:
    fewer = dataclasses.replace(story[1], predictions=story[1].predictions.iloc[1:])
    with pytest.raises(InputError, match="unchanged and class_weights were judged on different photos"):
        rows([story[0], fewer], (), bundle())
