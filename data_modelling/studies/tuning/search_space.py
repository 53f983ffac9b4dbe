"""Define which hyperparameters a search may change, and turn their values into the settings of a recipe."""

from typing import Any

import keras_tuner
from msgspec import structs

from data_modelling.inference.errors import InputError
from data_modelling.settings import AugmentationSettings, Settings, TrainingSettings

EPOCHS_KEY = "tuner/epochs"  # key of the epochs that Hyperband (a search method) plans for a trial
WARMUP_SHARE = 0.1  # the warm-up is at most this share of the epochs
# Ways to balance the classes. "By the root" makes the share of a class of n photos proportional to sqrt(n).
IMBALANCE: dict[str, dict[str, Any]] = {
    "as they come": {"balance": 0.0, "class_weights": 0.0},
    "drawn by the root": {"balance": 0.5, "class_weights": 0.0},
    "drawn evenly": {"balance": 1.0, "class_weights": 0.0},
    "weighted by the root": {"balance": 0.0, "class_weights": 0.5},
    "weighted evenly": {"balance": 0.0, "class_weights": 1.0},
}
FACTORS = ("scale", "stretch", "contrast", "saturation", "colour")  # augmentation factors; 1 is no change
RANGES = ("shift", "brightness")  # augmentation ranges; 0 is no change
WIDTHS = [16, 24, 32, 48, 64]  # channels of the CNN's first stage; stage n has n times as many
BATCHES = [32, 64, 128]  # photos in a step


def trial_settings(values: keras_tuner.HyperParameters, base: Settings) -> Settings:
    """Return the settings of a trial: `base` with the trial's hyperparameters. Also declare these in `values`.

    The default of each hyperparameter is its value in `base`, or the nearest value that the search may choose.
    """
    stages = values.Int("stages", 2, 4, default=len(base.network.widths))
    width = values.Choice("width", WIDTHS, default=_nearest(base.network.widths[0], WIDTHS))
    network = structs.replace(
        base.network,
        block=values.Choice("block", ["residual", "plain"], default=base.network.block),
        blocks=(values.Int("depth", 1, 3, default=base.network.blocks[0]),) * stages,
        widths=tuple(width * (stage + 1) for stage in range(stages)),
        kernel=values.Choice("kernel", [3, 5], default=base.network.kernel),
        dropout=values.Float("dropout", 0.0, 0.5, step=0.1, default=base.network.dropout),
    )
    training = structs.replace(
        base.training,
        learning_rate=values.Float(
            "learning_rate", 3e-4, 1e-2, sampling="log", default=base.training.learning_rate
        ),
        weight_decay=values.Float(
            "weight_decay", 5e-3, 0.5, sampling="log", default=base.training.weight_decay
        ),
        batch=values.Choice("batch", BATCHES, default=_nearest(base.training.batch, BATCHES)),
        **IMBALANCE[values.Choice("imbalance", list(IMBALANCE), default=_imbalance_of(base.training))],
    )
    strength = values.Float("augmentation", 0.0, 2.0, step=0.5, default=1.0)
    epochs = values.values.get(EPOCHS_KEY, base.training.epochs)
    warmup = min(base.training.warmup_epochs, WARMUP_SHARE * epochs)
    return structs.replace(
        base,
        network=network,
        augmentation=scale_augmentation(base.augmentation, strength),
        training=structs.replace(training, epochs=epochs, warmup_epochs=warmup),
    )


def scale_augmentation(augmentation: AugmentationSettings, strength: float) -> AugmentationSettings:
    """Return the augmentation with RANGES times `strength` and FACTORS to the power `strength`; 0 switches both off."""
    factors = {name: getattr(augmentation, name) ** strength for name in FACTORS}
    ranges = {name: getattr(augmentation, name) * strength for name in RANGES}
    return structs.replace(augmentation, **factors, **ranges)


def _imbalance_of(training: TrainingSettings) -> str:
    """Return the key of IMBALANCE whose settings the recipe has; raise InputError if there is none."""
    for name, balance in IMBALANCE.items():
        if all(getattr(training, key) == value for key, value in balance.items()):
            return name
    raise InputError(
        "A search needs training.balance and training.class_weights of 0, 0.5 or 1, and one of them must be 0."
    )


def _nearest(value: int, choices: list[int]) -> int:
    return min(choices, key=lambda choice: abs(choice - value))
