"""What a search may change of a recipe: named hyperparameters, and the settings that their values make."""

from dataclasses import replace

import keras_tuner

from data_modelling.inference.errors import InputError
from data_modelling.settings import AugmentationSettings, Settings, TrainingSettings

EPOCHS = "tuner/epochs"  # how long Hyperband trains a trial; the schedule follows it
WARMUP_SHARE = 0.1  # of the schedule, where that is shorter than the recipe's warm-up
# How the classes are balanced: settings of training.
IMBALANCE = {
    "as they come": {"balance": 0.0, "class_weights": 0.0},
    "drawn by the root": {"balance": 0.5, "class_weights": 0.0},
    "drawn evenly": {"balance": 1.0, "class_weights": 0.0},
    "weighted by the root": {"balance": 0.0, "class_weights": 0.5},
    "weighted evenly": {"balance": 0.0, "class_weights": 1.0},
}
FACTORS = ("scale", "stretch", "contrast", "saturation", "colour")  # augmentation's; 1 changes nothing
WIDTHS = [16, 24, 32, 48, 64]  # channels of the first stage; each stage has so many more
BATCHES = [32, 64, 128]  # photos a step
RANGES = ("shift", "brightness")  # augmentation's; 0 changes nothing


def chosen(values: keras_tuner.HyperParameters, base: Settings) -> Settings:
    """The settings of a trial: those of `base`, with what the search may change.

    The first value of each, before any search, is that of `base`, or the nearest that the search knows.
    """
    stages = values.Int("stages", 2, 4, default=len(base.network.widths))
    width = values.Choice("width", WIDTHS, default=_nearest(base.network.widths[0], WIDTHS))
    network = replace(
        base.network,
        block=values.Choice("block", ["residual", "plain"], default=base.network.block),
        blocks=(values.Int("depth", 1, 3, default=base.network.blocks[0]),) * stages,
        widths=tuple(width * (stage + 1) for stage in range(stages)),
        kernel=values.Choice("kernel", [3, 5], default=base.network.kernel),
        squeeze=values.Choice("squeeze", [0, 8], default=base.network.squeeze),
        dropout=values.Float("dropout", 0.0, 0.5, step=0.1, default=base.network.dropout),
    )
    training = replace(
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
    epochs = values.values.get(EPOCHS, base.training.epochs)
    warmup = min(base.training.warmup_epochs, WARMUP_SHARE * epochs)
    return replace(
        base,
        network=network,
        augmentation=strengthened(base.augmentation, strength),
        training=replace(training, epochs=epochs, warmup_epochs=warmup),
    )


def strengthened(augmentation: AugmentationSettings, strength: float) -> AugmentationSettings:
    """Ranges times `strength`, factors to its power: 0 leaves photos as they are but for flip and rotation."""
    factors = {name: getattr(augmentation, name) ** strength for name in FACTORS}
    ranges = {name: getattr(augmentation, name) * strength for name in RANGES}
    return replace(augmentation, **factors, **ranges)


def _imbalance_of(training: TrainingSettings) -> str:
    """The name of a recipe's answer to imbalance; InputError where the search has none."""
    for name, answer in IMBALANCE.items():
        if all(getattr(training, key) == value for key, value in answer.items()):
            return name
    raise InputError(
        "A search starts from training.balance and training.class_weights of 0, 0.5 or 1, one of them 0."
    )


def _nearest(value: int, known: list[int]) -> int:
    return min(known, key=lambda each: abs(each - value))
