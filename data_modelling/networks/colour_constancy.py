"""The colour of the light taken out of a photo, inside the network, so that whoever serves it need not know."""

from typing import Any

import keras
from keras import ops

LEAST = 1.0  # grey level below which a channel's light is not believed


@keras.saving.register_keras_serializable("data_modelling")
class ShadesOfGrey(keras.layers.Layer):
    """Each channel divided by the light that its Minkowski mean tells (Finlayson and Trezzi 2004, Shades of Gray).

    (N, H, W, 3) with values 0-255 to the same; a photo of grey light stays as it is, brightness is kept, and what gets
    brighter than 255 is cut off. power: of the mean; 1 is grey world, 6 is usual for dermoscopy (Barata et al. 2015).
    """

    def __init__(self, power: float, **options: Any) -> None:
        super().__init__(**options)
        self.power = power

    def call(self, photo: Any) -> Any:
        share = ops.clip(ops.cast(photo, "float32") / 255.0, LEAST / 255, 1.0)
        light = ops.mean(share**self.power, axis=(1, 2), keepdims=True) ** (1 / self.power)
        gain = ops.mean(light, axis=-1, keepdims=True) / light
        return ops.clip(photo * ops.cast(gain, photo.dtype), 0.0, 255.0)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return shape

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"power": self.power}
