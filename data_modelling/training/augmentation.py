"""Random changes of the training photos, drawn in training.draws, applied with Keras in one warp.

The draws come with the batch, so that a training step is a pure function of its batch: the same on
every backend, and repeatable after an interruption. Nothing of this is in the saved network.
"""

from typing import Any

import keras


class Augmented(keras.Model):
    """The training-only wrapper: warps and recolours a batch, then asks the network for logits.

    Inputs: `photo` (N, edge, edge, 3) uint8, `details` (N, WIDTH), `warp` (N, 8), `colour` (N, 3, 4).
    """

    def __init__(self, network: keras.Model) -> None:
        super().__init__()
        self.network = network

    def call(self, batch: dict[str, Any], training: bool = False) -> Any:
        photo = augment(batch["photo"], batch["warp"], batch["colour"])
        return self.network({"photo": photo, "details": batch["details"]}, training=training)["logits"]


def augment(photo: Any, warp: Any, colour: Any) -> Any:
    """Apply warps (N, 8) and colour maps (N, 3, 4) to photos (N, edge, edge, 3) 0-255; float32 0-255."""
    photo = keras.ops.cast(photo, "float32")
    photo = keras.ops.image.affine_transform(
        photo, warp, interpolation="bilinear", fill_mode="reflect", data_format="channels_last"
    )
    photo = keras.ops.einsum("nhwc,ndc->nhwd", photo, colour[:, :, :3]) + colour[:, None, None, :, 3]
    return keras.ops.clip(photo, 0.0, 255.0)
