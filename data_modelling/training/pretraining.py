"""What the image branch learns from its own photos without their labels: SimSiam (Chen and He 2021, arXiv:2011.10566).

Two views of one photo, each changed by itself, shall have embeddings from which the other's can be told. Only the
photos of the training part are seen: neither the held-out fold, nor what stops the training, nor a locked photo.
"""

import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops
from tqdm import tqdm

from data_modelling.networks.backbones import BRANCH
from data_modelling.settings import Settings
from data_modelling.training import checkpoint, draws
from data_modelling.training.augmentation import augment
from data_modelling.training.checkpoint import Progress
from data_modelling.training.pipeline import Examples

PROJECTED, PREDICTED = 512, 128  # units of the projection, and of the layer inside the prediction
LEARNING_RATE = 1e-3  # AdamW's at the start of the cosine
SEED = 77  # beside the recipe's: the views are not those of the training after it


class TwoViews(keras.Model):
    """The image branch with projection and prediction; its loss is minus the cosine between prediction and view."""

    def __init__(self, branch: keras.Model) -> None:
        super().__init__()
        self.branch = branch
        self.mean = keras.layers.GlobalAveragePooling2D(dtype="float32")
        self.projection = keras.Sequential(
            [
                keras.layers.Dense(PROJECTED, use_bias=False, dtype="float32"),
                keras.layers.BatchNormalization(dtype="float32"),
                keras.layers.ReLU(dtype="float32"),
                keras.layers.Dense(PROJECTED, use_bias=False, dtype="float32"),
                keras.layers.BatchNormalization(scale=False, center=False, dtype="float32"),
            ]
        )
        self.prediction = keras.Sequential(
            [
                keras.layers.Dense(PREDICTED, use_bias=False, dtype="float32"),
                keras.layers.BatchNormalization(dtype="float32"),
                keras.layers.ReLU(dtype="float32"),
                keras.layers.Dense(PROJECTED, dtype="float32"),
            ]
        )

    def call(self, batch: dict[str, Any], training: bool = False) -> Any:
        told, seen = zip(*(self._view(batch, view, training) for view in ("one", "other")), strict=True)
        self.add_loss((apart(told[0], seen[1]) + apart(told[1], seen[0])) / 2)
        return seen[0]

    def _view(self, batch: dict[str, Any], view: str, training: bool) -> tuple[Any, Any]:
        photo = augment(batch["photo"], batch[f"{view}_warp"], batch[f"{view}_colour"])
        seen = self.projection(self.mean(self.branch(photo, training=training)), training=training)
        return self.prediction(seen, training=training), ops.stop_gradient(seen)


def apart(told: Any, seen: Any) -> Any:
    """Minus the mean cosine between the rows of two (N, units)."""
    return -ops.mean(ops.sum(ops.normalize(told, axis=-1) * ops.normalize(seen, axis=-1), axis=-1))


def pretrain(network: keras.Model, settings: Settings, training: Examples, folder: Path) -> None:
    """Train the network's image branch for settings.training.pretraining_epochs; goes on where `folder` has it."""
    path, epochs = folder / "pretraining.npz", settings.training.pretraining_epochs
    steps = len(training) // settings.training.batch  # a last small batch would upset the normalisation
    keras.utils.set_random_seed(settings.seed)  # of projection and prediction
    model = TwoViews(network.get_layer(BRANCH))
    schedule = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, epochs * steps)
    model.compile(optimizer=keras.optimizers.AdamW(schedule, weight_decay=settings.training.weight_decay))
    first = next(views(training, settings, 0))
    model(first)  # builds it
    model.optimizer.build(model.trainable_variables)
    progress = Progress()
    if path.exists():
        progress, groups = checkpoint.load(path)
        checkpoint.assign(model.variables, groups["model"])
        checkpoint.assign(model.optimizer.variables, groups["optimizer"])
    done = len(progress.history)
    with tqdm(
        total=epochs * steps, initial=done * steps, desc="pretrain", unit=" steps", mininterval=1
    ) as bar:
        for epoch in range(done, epochs):
            started, losses = time.process_time(), []
            for batch in views(training, settings, epoch):
                losses.append(float(model.train_on_batch(batch)))
                bar.update()
            progress.history.append({"loss": float(np.mean(losses))})
            progress.cpu_seconds += time.process_time() - started
            groups = {"model": model.variables, "optimizer": model.optimizer.variables}
            checkpoint.save(path, progress, groups)


def views(training: Examples, settings: Settings, epoch: int) -> Any:
    """One epoch's whole batches: photos (N, edge, edge, 3), and for either view its warps and colour maps."""
    rng = np.random.default_rng((settings.seed, SEED, epoch))
    order, size = rng.permutation(len(training)), settings.training.batch
    edge, changes = settings.network.edge, settings.augmentation
    for start in range(0, len(order) - size + 1, size):
        batch = {"photo": training.pixels[training.rows[order[start : start + size]]]}
        for view in ("one", "other"):
            batch[f"{view}_warp"] = draws.draw_warps(rng, size, edge, changes)
            batch[f"{view}_colour"] = draws.draw_colours(rng, size, changes)
        yield batch
