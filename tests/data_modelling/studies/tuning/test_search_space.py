import keras_tuner
import pytest
from msgspec import structs

from data_modelling.inference.errors import InputError
from data_modelling.settings import AugmentationSettings, Settings, TrainingSettings
from data_modelling.studies.tuning.search_space import EPOCHS_KEY, scale_augmentation, trial_settings

BASE = Settings("search", "0", "ham10000", "ham10000", "ham10000")


def test_before_any_search_the_recipe_is_as_it_is() -> None:
    made = trial_settings(keras_tuner.HyperParameters(), BASE)
    assert made.augmentation == BASE.augmentation
    assert made.network == structs.replace(BASE.network, widths=(64, 128, 192))
    assert made.training == structs.replace(BASE.training, learning_rate=made.training.learning_rate)
    assert made.training.learning_rate == pytest.approx(BASE.training.learning_rate)


def test_values_become_settings() -> None:
    values = keras_tuner.HyperParameters()
    values.values = {
        "stages": 2,
        "width": 16,
        "depth": 3,
        "block": "plain",
        "imbalance": "weighted evenly",
        "augmentation": 0.0,
        EPOCHS_KEY: 6,
    }
    made = trial_settings(values, BASE)
    assert (made.network.widths, made.network.blocks, made.network.block) == ((16, 32), (3, 3), "plain")
    assert (made.training.balance, made.training.class_weights) == (0.0, 1.0)
    assert (made.training.epochs, made.training.warmup_epochs) == (6, pytest.approx(0.6))
    assert made.augmentation.contrast == 1
    assert made.augmentation.shift == 0


def test_a_strength_of_two_squares_factors_and_doubles_ranges() -> None:
    made = scale_augmentation(AugmentationSettings(scale=1.2, shift=0.1, rotation=90), 2)
    assert (made.scale, made.shift, made.rotation) == (pytest.approx(1.44), pytest.approx(0.2), 90)


def test_an_answer_to_imbalance_that_the_search_does_not_know_is_refused() -> None:
    with pytest.raises(InputError, match="training.balance"):
        trial_settings(
            keras_tuner.HyperParameters(), structs.replace(BASE, training=TrainingSettings(balance=0.3))
        )
