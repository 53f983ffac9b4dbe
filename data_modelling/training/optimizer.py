"""The optimiser of a training, AdamW with a warm-up and a cosine schedule, and the average of the network's weights."""

import keras

from data_modelling.settings import TrainingSettings

# Steps between two updates of the averaged weights; updating them at each step would use up a tenth of the training time.
AVERAGING_INTERVAL = 8


def build_optimizer(training: TrainingSettings, steps: int) -> keras.optimizers.Optimizer:
    """Return AdamW with a warm-up and a cosine schedule, without weight decay on biases and normalisations.

    steps: the number of steps per epoch.
    """
    warmup = round(training.warmup_epochs * steps)
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=training.learning_rate / 100,
        warmup_target=training.learning_rate,
        warmup_steps=warmup,
        decay_steps=max(1, training.epochs * steps - warmup),
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=training.weight_decay)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


class WeightAverage:
    """An exponential average of a network's weights, batch statistics included, in a separate float32 network.

    averaged: the separate network; it begins with the weights of `network`. decay: the share of the old average that a step keeps, at most. steps: per epoch.
    """

    def __init__(self, averaged: keras.Model, network: keras.Model, decay: float, steps: int) -> None:
        self.averaged, self.network, self.decay, self.steps = averaged, network, decay, steps
        averaged.set_weights(network.get_weights())

    def follow(self, step: int) -> None:
        """Update the average after step number `step` of the whole training, if this step ends an interval or an epoch."""
        done = step % self.steps + 1
        if done % AVERAGING_INTERVAL == 0 or done == self.steps:
            self.update(step, (done - 1) % AVERAGING_INTERVAL + 1)

    def update(self, step: int, steps: int) -> None:
        """Move the average towards the network, `steps` steps after the last update."""
        decay = min(self.decay, (1 + step) / (10 + step)) ** steps
        for average, value in zip(self.averaged.weights, self.network.weights, strict=True):
            if average.dtype == "float32":
                average.assign(decay * average + (1 - decay) * keras.ops.cast(value, "float32"))
