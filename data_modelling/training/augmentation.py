"""Random changes of the training photos, drawn in training.draws, applied with Keras in one warp.

The draws come with the batch, so that a training step is a pure function of its batch: the same on
every backend, and repeatable after an interruption. Nothing of this is in the saved network.
"""

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from data_modelling.training.distillation import Teaching
from data_modelling.training.mixing import mix
from data_modelling.training.outlines import OutlineTask


class Augmented(keras.Model):
    """The training-only wrapper: warps and recolours a batch, then asks the network for logits.

    Inputs: `photo` (N, edge, edge, 3) uint8, `details` (N, WIDTH), `warp` (N, 8), `colour` (N, 3, 4), and where photos
    are mixed `partner` (N,) and `own` (N, edge, edge, 1), see training.mixing. adjustment: what the loss adds to the
    logits, (classes,). teaching, outlining: what is learned beside the labels, if anything; for the former the batch may
    have `known` (N, teachers), for the latter it has `outline` (N, edge, edge, 1), which is warped and mixed as its photo is.
    """

    def __init__(
        self,
        network: keras.Model,
        adjustment: NDArray[np.floating],
        teaching: Teaching | None = None,
        outlining: OutlineTask | None = None,
    ) -> None:
        super().__init__()
        self.network, self.adjustment = network, np.asarray(adjustment, np.float32)
        self.teaching, self.outlining = teaching, outlining
        self.outline_head = outlining.head if outlining else None  # so that it is trained with the network

    def call(self, batch: dict[str, Any], training: bool = False) -> Any:
        photo = augment(batch["photo"], batch["warp"], batch["colour"])
        if "own" in batch:
            photo = mix(photo, batch["partner"], batch["own"])
        inputs = {"photo": photo, "details": batch["details"]}
        answer = self.network(inputs, training=training)
        logits = answer["logits"] + self.adjustment
        if self.teaching is not None:
            self.add_loss(self.teaching.loss(inputs, logits, batch.get("known")))
        if self.outlining is not None:
            self.add_loss(self.outlining.loss(answer["feature_map"], self._outline(batch)))
        return logits

    def _outline(self, batch: dict[str, Any]) -> Any:
        outline = warped(batch["outline"], batch["warp"])
        return mix(outline, batch["partner"], batch["own"]) if "own" in batch else outline


def augment(photo: Any, warp: Any, colour: Any) -> Any:
    """Apply warps (N, 8) and colour maps (N, 3, 4) to photos (N, edge, edge, 3) 0-255; float32 0-255."""
    photo = warped(photo, warp)
    photo = keras.ops.einsum("nhwc,ndc->nhwd", photo, colour[:, :, :3]) + colour[:, None, None, :, 3]
    return keras.ops.clip(photo, 0.0, 255.0)


def warped(photo: Any, warp: Any) -> Any:
    """Photos (N, edge, edge, C) under warps (N, 8), float32; beyond its edges a photo is mirrored."""
    return keras.ops.image.affine_transform(
        keras.ops.cast(photo, "float32"),
        warp,
        interpolation="bilinear",
        fill_mode="reflect",
        data_format="channels_last",
    )
