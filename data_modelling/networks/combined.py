"""Several networks as one: the layers that put their logits together, which `.keras` and ONNX files can hold."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

LEAST = 1e-12  # of a probability whose logarithm is taken


@keras.saving.register_keras_serializable("data_modelling")
class MeanOfProbabilities(keras.layers.Layer):
    """Logits (N, classes) of several networks to log(sum of weight * softmax(logits / temperature))."""

    def __init__(self, temperatures: Sequence[float], weights: Sequence[float], **options: Any) -> None:
        super().__init__(**options)
        self.temperatures, self.weights_of_members = list(temperatures), list(weights)

    def call(self, logits: Sequence[Any]) -> Any:
        parts = zip(logits, self.temperatures, self.weights_of_members, strict=True)
        mean = sum(weight * ops.softmax(one / temperature) for one, temperature, weight in parts)
        return ops.log(ops.maximum(mean, LEAST))

    def compute_output_shape(self, shapes: Sequence[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        return tuple(shapes[0])

    def get_config(self) -> dict[str, Any]:
        own = {"temperatures": self.temperatures, "weights": self.weights_of_members}
        return super().get_config() | own


@keras.saving.register_keras_serializable("data_modelling")
class MeanOfRanks(keras.layers.Layer):
    """Logits (N, 2) of several networks to logits whose first is scale * log(rank / (1 - rank)) + bias, the other 0.

    The rank is the mean over the networks of the share of `steps` that the network's log odds reach. steps: (networks,
    shares), the quantiles of each network's log odds.
    """

    def __init__(self, steps: Sequence[Sequence[float]], scale: float, bias: float, **options: Any) -> None:
        super().__init__(**options)
        self.steps = np.asarray(steps, np.float32).tolist()
        self.scale, self.bias = float(scale), float(bias)

    def call(self, logits: Sequence[Any]) -> Any:
        shares = []
        for one, steps in zip(logits, self.steps, strict=True):
            log_odds = one[:, :1] - one[:, 1:]
            reached = ops.cast(log_odds >= ops.convert_to_tensor([steps], "float32"), "float32")
            shares.append((ops.sum(reached, axis=1, keepdims=True) + 0.5) / (len(steps) + 1))
        rank = sum(shares) / len(shares)
        first = self.scale * (ops.log(rank) - ops.log(1 - rank)) + self.bias
        return ops.concatenate([first, ops.zeros_like(first)], axis=1)

    def compute_output_shape(self, shapes: Sequence[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        return tuple(shapes[0])

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"steps": self.steps, "scale": self.scale, "bias": self.bias}


def combine(networks: Sequence[keras.Model], layer: keras.layers.Layer, name: str) -> keras.Model:
    """One network of several with the same inputs; feature map and embedding are the first one's."""
    photo = keras.Input(networks[0].input["photo"].shape[1:], name="photo")
    details = keras.Input(networks[0].input["details"].shape[1:], name="details")
    answers = []
    for number, network in enumerate(networks):
        network.name = f"member{number}"
        answers.append(network({"photo": photo, "details": details}))
    logits = layer([answer["logits"] for answer in answers])
    named = {
        "logits": keras.layers.Activation("linear", dtype="float32", name="logits")(logits),
        **{
            end: keras.layers.Activation("linear", dtype="float32", name=end)(answers[0][end])
            for end in ("feature_map", "embedding")
        },
    }
    return keras.Model({"photo": photo, "details": details}, named, name=name)
