"""Batches for training and for prediction, from the decoded photos; numpy only."""

from collections.abc import Iterator
from dataclasses import dataclass

import keras
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_modelling.datasets.table import class_indices, encode_table
from data_modelling.inference.details import Details, encode
from data_modelling.inference.diagnoses import codes
from data_modelling.settings import Settings
from data_modelling.training import draws
from data_modelling.training.balance import epoch_rows
from data_modelling.training.loss import targets
from data_modelling.training.mixing import draw_mixes, mixed_rows
from data_modelling.training.recompression import recompress
from data_modelling.training.shares import weights_a_class

Batch = tuple[dict[str, np.ndarray], NDArray[np.float32], NDArray[np.float32]]


@dataclass(frozen=True)
class Examples:
    """Row-aligned arrays of one part of the data.

    pixels: (all photos, edge, edge, 3) uint8, memory-mapped; rows: (N,) which of them; labels: (N,) class
    indices (see datasets.table.class_indices); details: (N, WIDTH) float32. outlines: (all photos, edge, edge), see
    training.outlines; None where they are no target. coarse: whether photos are seen at half the edge. known: (N, teachers),
    see training.distillation; None where nobody teaches, or all teachers know all photos. own: (N,), whether they are of the
    judged data set; None where all are.
    """

    pixels: NDArray[np.uint8]
    rows: NDArray[np.int64]
    labels: NDArray[np.int64]
    details: NDArray[np.float32]
    outlines: NDArray[np.uint8] | None = None
    coarse: bool = False
    known: NDArray[np.float32] | None = None
    own: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def own_labels(self) -> NDArray[np.int64]:
        """The labels of those of the judged data set."""
        return self.labels if self.own is None else self.labels[self.own]

    def photos(self, chosen: NDArray[np.int64] | slice) -> NDArray[np.uint8]:
        """The pixels (n, edge, edge, 3) of some of the N photos, as they are seen."""
        return self._seen(self.pixels[self.rows[chosen]])

    def lesions(self, chosen: NDArray[np.int64]) -> NDArray[np.uint8] | None:
        """The outlines (n, edge, edge, 1) of some of the N photos, as they are seen; None where they are no target."""
        return None if self.outlines is None else self._seen(self.outlines[self.rows[chosen]][..., None])

    def _seen(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return halved(pixels) if self.coarse else pixels


def halved(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(N, H, W, C) to (N, H/2, W/2, C): the rounded means of squares of four."""
    wide = pixels.astype(np.uint16)
    rows = wide[:, ::2] + wide[:, 1::2]
    return ((rows[:, :, ::2] + rows[:, :, 1::2] + 2) // 4).astype(np.uint8)


def examples(
    table: pd.DataFrame,
    pixels: NDArray[np.uint8],
    chosen: NDArray[np.bool_],
    task: str,
    outlines: NDArray[np.uint8] | None = None,
) -> Examples:
    """The chosen rows of a table whose photos are `pixels`, in the table's order."""
    rows = np.flatnonzero(chosen)
    part = table.iloc[rows]
    return Examples(pixels, rows, class_indices(part["diagnosis"], task), encode_table(part), outlines)


def training_batches(part: Examples, settings: Settings, epoch: int) -> Iterator[Batch]:
    """One epoch's batches, drawn from (seed, epoch) alone: rows balanced and shuffled, changes drawn.

    Inputs of training.augmentation.Augmented, targets (N, classes), and what each photo weighs (N,).
    """
    rng = np.random.default_rng((settings.seed, epoch))
    answers = targets(settings.task, settings.training.label_smoothing)
    order = epoch_rows(part.labels, len(answers), settings.training, rng)
    power = settings.training.class_weights
    weights = weights_a_class(part.labels, len(answers), power).astype(np.float32)
    for start in range(0, len(order), settings.training.batch):
        chosen = order[start : start + settings.training.batch]
        yield _changed(rng, part, chosen, answers, weights, settings)


def _changed(
    rng: np.random.Generator,
    part: Examples,
    chosen: NDArray[np.int64],
    answers: NDArray[np.float32],
    weights: NDArray[np.float32],
    settings: Settings,
) -> Batch:
    """A batch of the chosen rows, its changes drawn. answers, weights: by label."""
    changes, labels, photos = settings.augmentation, part.labels[chosen], part.photos(chosen)
    edge = photos.shape[1]
    batch = {
        "photo": photos,
        "details": draws.drop_details(rng, part.details[chosen], changes),
        "warp": draws.draw_warps(rng, len(chosen), edge, changes),
        "colour": draws.draw_colours(rng, len(chosen), changes),
    }
    target, weight = answers[labels], weights[labels]
    lesions = part.lesions(chosen)
    if lesions is not None:
        batch["outline"] = lesions
    if part.known is not None:
        batch["known"] = part.known[chosen]
    if changes.recompress:
        batch["photo"] = recompress(rng, batch["photo"], changes)
    if changes.mixup or changes.cutmix:
        # What is only known to be benign is no share of one class.
        mixes = draw_mixes(rng, labels < len(codes(settings.task)), edge, changes)
        # Details of two patients cannot be mixed: a mixed photo has none.
        batch["details"][mixes.share < 1] = encode(Details())
        batch |= {"partner": mixes.partner, "own": mixes.own}
        target, weight = mixed_rows(target, mixes), mixed_rows(weight, mixes)
        if "known" in batch:
            batch["known"] = mixed_rows(batch["known"], mixes)
    return batch, target, weight


def steps_an_epoch(part: Examples, settings: Settings) -> int:
    """Batches of one epoch; the same for every epoch."""
    rng = np.random.default_rng(0)
    rows = epoch_rows(part.labels, len(targets(settings.task, 0)), settings.training, rng)
    return -(-len(rows) // settings.training.batch)


def predict_logits(
    network: keras.Model, part: Examples, with_details: bool, batch: int = 64
) -> NDArray[np.float32]:
    """Logits (N, classes) of unchanged photos; details as they are, or all "not known"."""
    return predict_output(network, part, "logits", with_details, batch)


def predict_output(
    network: keras.Model, part: Examples, name: str, with_details: bool, batch: int = 64
) -> NDArray[np.float32]:
    """One of the network's outputs (N, ...) for unchanged photos."""
    unknown = encode(Details())
    found = []
    for start in range(0, len(part), batch):
        photo = part.photos(slice(start, start + batch)).astype(np.float32)
        known = part.details[start : start + batch]
        encoded = known if with_details else np.tile(unknown, (len(known), 1))
        # Batch by batch, not `predict`: the photos are read from disk as they are needed.
        output = network.predict_on_batch({"photo": photo, "details": encoded})
        found.append(np.asarray(output[name]))
    return np.concatenate(found)
