"""Averages a network's weights over the steps of its training; the average becomes the final network."""

import keras

# Steps between two updates of the average. An update at every step would take a tenth of the training time.
AVERAGING_INTERVAL = 8


class WeightAverage:
    """Holds the exponential average of a network's weights and normalisation statistics, in a separate float32 network.

    averaged: the separate network; it begins with the weights of `network`. decay: the largest share of the
    old average that a step keeps. steps: the number of steps per epoch.
    """

    def __init__(self, averaged: keras.Model, network: keras.Model, decay: float, steps: int) -> None:
        self.averaged, self.network, self.decay, self.steps = averaged, network, decay, steps
        averaged.set_weights(network.get_weights())

    def follow(self, step: int) -> None:
        """Update the average if this step ends an interval or an epoch. step: its number in the training, from 0."""
        done = step % self.steps + 1
        if done % AVERAGING_INTERVAL == 0 or done == self.steps:
            self.update(step, (done - 1) % AVERAGING_INTERVAL + 1)

    def update(self, step: int, steps: int) -> None:
        """Move the average towards the network's weights. steps: the number of steps since the last update."""
        decay = min(self.decay, (1 + step) / (10 + step)) ** steps
        for average, value in zip(self.averaged.weights, self.network.weights, strict=True):
            if average.dtype == "float32":
                average.assign(decay * average + (1 - decay) * keras.ops.cast(value, "float32"))
