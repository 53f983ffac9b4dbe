"""Combines several networks into one network, which a `.keras` or ONNX file can hold."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

SMALLEST_PROBABILITY = 1e-12  # lower bound of a probability before its logarithm is taken


@keras.saving.register_keras_serializable("data_modelling")
class MeanOfProbabilities(keras.layers.Layer):
    """Turns the logits of several networks into the logarithm of the networks' mean probabilities.

    Each network gives logits (N, classes); the result is log(mean of softmax(logits / temperature)).
    """

    def __init__(self, temperatures: Sequence[float], **options: Any) -> None:
        super().__init__(**options)
        self.temperatures = list(temperatures)

    def call(self, logits: Sequence[Any]) -> Any:
        members = [
            ops.softmax(member_logits / temperature)
            for member_logits, temperature in zip(logits, self.temperatures, strict=True)
        ]
        return ops.log(ops.maximum(sum(members) / len(members), SMALLEST_PROBABILITY))

    def compute_output_shape(self, shapes: Sequence[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        return tuple(shapes[0])

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"temperatures": self.temperatures}


def combine_networks(
    networks: Sequence[keras.Model], temperatures: Sequence[float], name: str
) -> keras.Model:
    """Return one network that averages the probabilities of several networks with the same inputs.

    temperatures: one for each network. The result has the feature map and the embedding of the first network.
    """
    photo = keras.Input(networks[0].input["photo"].shape[1:], name="photo")
    details = keras.Input(networks[0].input["details"].shape[1:], name="details")
    outputs = []
    for number, network in enumerate(networks):
        network.name = f"member{number}"
        outputs.append(network({"photo": photo, "details": details}))
    layer = MeanOfProbabilities(temperatures, name="together", dtype="float32")
    logits = layer([output["logits"] for output in outputs])
    combined = {
        "logits": keras.layers.Activation("linear", dtype="float32", name="logits")(logits),
        **{
            output_name: keras.layers.Activation("linear", dtype="float32", name=output_name)(
                outputs[0][output_name]
            )
            for output_name in ("feature_map", "embedding")
        },
    }
    return keras.Model({"photo": photo, "details": details}, combined, name=name)
