"""Makes the batches of photos that a network is trained with, and computes the outputs of a network batch by batch."""

from collections.abc import Iterator
from dataclasses import dataclass

import keras
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_modelling.datasets.clinics import clinics_or_sources
from data_modelling.datasets.table import class_indices, encode_table
from data_modelling.inference.details import Details, encode_details
from data_modelling.inference.diagnoses import class_codes
from data_modelling.settings import Settings
from data_modelling.training import augmentation_parameters
from data_modelling.training.class_balance import class_loss_weights, draw_epoch_rows
from data_modelling.training.loss import target_distributions
from data_modelling.training.recompression import add_vignettes, recompress

PREDICTED_AT_ONCE = 64  # number of photos that a network predicts together
Batch = tuple[dict[str, np.ndarray], NDArray[np.float32], NDArray[np.float32]]


@dataclass(frozen=True)
class Examples:
    """Holds the N photos of one part of the data, such as the photos for training or for early stopping.

    pixels: (all photos, edge, edge, 3) uint8, usually memory-mapped.
    rows: (N,), the indices of the part's photos in `pixels`.
    labels: (N,), class indices (see datasets.table.class_indices).
    details: (N, DETAILS_WIDTH) float32, see inference.details.
    coarse: whether the network gets photos of half the edge.
    teacher_weights: (N, teachers), how much each counts (training.distillation); None if all are equal or absent.
    sources: (N,), the clinic group of each photo, or its source if it is in no group; None if they are not used.
    is_own: (N,), whether a photo is of the recipe's own data set, not of an extra set; None if all photos are.
    """

    pixels: NDArray[np.uint8]
    rows: NDArray[np.int64]
    labels: NDArray[np.int64]
    details: NDArray[np.float32]
    coarse: bool = False
    teacher_weights: NDArray[np.float32] | None = None
    sources: NDArray[np.str_] | None = None
    is_own: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def photos(self, indices: NDArray[np.int64] | slice) -> NDArray[np.uint8]:
        """Return the pixels (n, edge, edge, 3) of some of the N photos, at the size that the network gets."""
        pixels = self.pixels[self.rows[indices]]
        return halve_resolution(pixels) if self.coarse else pixels


def halve_resolution(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return pixels (N, H/2, W/2, C) from (N, H, W, C): the rounded means of squares of four pixels."""
    wide = pixels.astype(np.uint16)
    row_sums = wide[:, ::2] + wide[:, 1::2]
    return ((row_sums[:, :, ::2] + row_sums[:, :, 1::2] + 2) // 4).astype(np.uint8)


def select_examples(
    table: pd.DataFrame, pixels: NDArray[np.uint8], mask: NDArray[np.bool_], task: str
) -> Examples:
    """Return the photos of a table that `mask` selects, in the table's order. pixels: all photos of the table."""
    rows = np.flatnonzero(mask)
    part = table.iloc[rows]
    labels = class_indices(part["diagnosis"], task)
    return Examples(pixels, rows, labels, encode_table(part), sources=clinics_or_sources(part["source"]))


def training_batches(part: Examples, settings: Settings, epoch: int) -> Iterator[Batch]:
    """Yield the batches of one epoch; all random draws depend only on the seed and the epoch.

    The rows are drawn by `draw_epoch_rows`, which balances the classes. Each batch has the inputs of
    training.augmentation.AugmentedModel, the targets (N, classes), and the weight of each photo in the loss (N,).
    """
    rng, training = np.random.default_rng((settings.seed, epoch)), settings.training
    targets_by_label = target_distributions(settings.task, training.label_smoothing)
    labels = len(targets_by_label)
    order = draw_epoch_rows(part.labels, labels, training, rng, part.sources)
    weights_by_label = class_loss_weights(part.labels, labels, training.class_weights).astype(np.float32)
    for start in range(0, len(order), training.batch):
        indices = order[start : start + training.batch]
        targets, weights = (
            by_label[part.labels[indices]] for by_label in (targets_by_label, weights_by_label)
        )
        yield _augmented_batch(rng, part, indices, targets, weights, settings)


def _augmented_batch(
    rng: np.random.Generator,
    part: Examples,
    indices: NDArray[np.int64],
    targets: NDArray[np.float32],
    weights: NDArray[np.float32],
    settings: Settings,
) -> Batch:
    """Return a batch of some of the part's photos with newly drawn changes."""
    changes, photos = settings.augmentation, part.photos(indices)
    batch: dict[str, np.ndarray] = {
        "photo": photos,
        "details": augmentation_parameters.drop_details(rng, part.details[indices], changes),
        "warp": augmentation_parameters.draw_warps(rng, len(indices), photos.shape[1], changes),
        "colour": augmentation_parameters.draw_colours(rng, len(indices), changes),
    }
    if part.teacher_weights is not None:
        batch["teacher_weights"] = part.teacher_weights[indices]
    if changes.recompress:
        batch["photo"] = recompress(rng, batch["photo"], changes)
    if changes.vignette:
        batch["photo"] = add_vignettes(rng, batch["photo"], changes.vignette)
    if changes.mixup:
        # A photo that is only known to be benign has no single class to mix.
        mixes = augmentation_parameters.draw_mixes(
            rng, part.labels[indices] < len(class_codes(settings.task)), changes
        )
        # The details of two patients cannot be mixed, so a mixed photo has none.
        batch["details"][mixes.share < 1] = encode_details(Details())
        batch |= {"partner": mixes.partner, "photo_share": mixes.share}
        targets, weights = (
            augmentation_parameters.mix_rows(targets, mixes),
            augmentation_parameters.mix_rows(weights, mixes),
        )
        if "teacher_weights" in batch:
            batch["teacher_weights"] = augmentation_parameters.mix_rows(batch["teacher_weights"], mixes)
    return batch, targets, weights


def steps_per_epoch(part: Examples, settings: Settings) -> int:
    """Return the number of batches in one epoch, which is the same for every epoch."""
    rng = np.random.default_rng(0)
    labels = len(target_distributions(settings.task, 0))
    rows = draw_epoch_rows(part.labels, labels, settings.training, rng, part.sources)
    return -(-len(rows) // settings.training.batch)


def predict_logits(network: keras.Model, part: Examples, with_details: bool) -> NDArray[np.float32]:
    """Return the logits (N, classes) of unchanged photos; see `predict_output`."""
    return predict_output(network, part, "logits", with_details)


def predict_output(
    network: keras.Model, part: Examples, name: str, with_details: bool
) -> NDArray[np.float32]:
    """Return one of the network's outputs (N, ...) for unchanged photos.

    with_details: whether the network gets the details; otherwise all are "not known".
    """
    details = part.details if with_details else np.tile(encode_details(Details()), (len(part), 1))
    outputs = []
    for start in range(0, len(part), PREDICTED_AT_ONCE):
        some = slice(start, start + PREDICTED_AT_ONCE)
        # Keras's `predict` would need all photos at once; here they are read from disk batch by batch.
        inputs = {"photo": part.photos(some).astype(np.float32), "details": details[some]}
        outputs.append(np.asarray(network.predict_on_batch(inputs)[name]))
    return np.concatenate(outputs)
