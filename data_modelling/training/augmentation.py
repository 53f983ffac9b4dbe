"""Warps each training photo (turn, zoom, stretch, shift) and changes its colours, both at random, with Keras.

training.augmentation_parameters draws the numbers of each change, and the batch contains these numbers. So the changes
are the same on every backend of Keras, and in a resumed training. The saved network has no augmentation.
"""

from typing import Any

import keras

from data_modelling.training.distillation import DistillationLoss


class AugmentedModel(keras.Model):
    """Augments the photos of a batch, and computes the logits that the network in training gives them.

    Inputs: `photo` (N, edge, edge, 3) uint8, `details` (N, DETAILS_WIDTH), `warp` (N, 8), `colour` (N, 3, 4). If photos
    are mixed, also `partner` and `photo_share`, (N,) each. See training.augmentation_parameters.
    distillation: a loss to learn from other networks (teachers), or None; it may use `teacher_weights` (N, teachers).
    """

    def __init__(self, network: keras.Model) -> None:
        super().__init__()
        self.network = network
        self.distillation: DistillationLoss | None = None

    def call(self, batch: dict[str, Any], training: bool = False) -> Any:
        photos = augment_photos(batch["photo"], batch["warp"], batch["colour"])
        if "partner" in batch:
            photos = mix_photos(photos, batch["partner"], batch["photo_share"])
        inputs = {"photo": photos, "details": batch["details"]}
        logits = self.network(inputs, training=training)["logits"]
        if self.distillation is not None:
            self.add_loss(self.distillation.loss(inputs, logits, batch.get("teacher_weights")))
        return logits


def augment_photos(photos: Any, warps: Any, colours: Any) -> Any:
    """Return photos (N, edge, edge, 3) after warps (N, 8) and affine changes of the colours (N, 3, 4).

    Values are 0-255 before and after; the result is float32. A photo is mirrored beyond its edges.
    """
    photos = keras.ops.image.affine_transform(
        keras.ops.cast(photos, "float32"),
        warps,
        interpolation="bilinear",
        fill_mode="reflect",
        data_format="channels_last",
    )
    photos = keras.ops.einsum("nhwc,ndc->nhwd", photos, colours[:, :, :3]) + colours[:, None, None, :, 3]
    return keras.ops.clip(photos, 0.0, 255.0)


def mix_photos(photos: Any, partner: Any, share: Any) -> Any:
    """Return photos (N, edge, edge, 3) blended with their partners; see augmentation_parameters.Mixes."""
    share = keras.ops.reshape(share, (-1, 1, 1, 1))
    return share * photos + (1 - share) * keras.ops.take(photos, partner, axis=0)
