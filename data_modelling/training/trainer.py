"""Trains one network on one part of the data.

The loop over the epochs is here. What a recipe (file of settings) can change is in other modules: augmentation,
class_balance, distillation, early_stopping, loss, optimizer and weight_average.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from zipfile import ZIP_BZIP2, ZipFile

import keras
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from data_modelling.inference.diagnoses import class_codes
from data_modelling.inference.files.atomic_files import atomic_write
from data_modelling.networks.cnn import fold_normalisation
from data_modelling.networks.model import build_network, training_dtype
from data_modelling.settings import Settings
from data_modelling.training import checkpoint
from data_modelling.training.augmentation import AugmentedModel
from data_modelling.training.batches import Examples, steps_per_epoch, training_batches
from data_modelling.training.checkpoint import CHECKPOINT_FILE, NETWORK_FILE
from data_modelling.training.class_balance import empirical_prior, prior_shift, training_prior
from data_modelling.training.distillation import DistillationLoss, load_teachers
from data_modelling.training.early_stopping import EarlyStopping
from data_modelling.training.loss import any_of_or_cross_entropy
from data_modelling.training.optimizer import build_optimizer
from data_modelling.training.weight_average import WeightAverage

RULED_OUT_LOGIT = -1e4  # logit of a class without photos; its probability is 0, even when calibrated


class Trainer:
    """Hold one training with all its state.

    network: the result of `initial_network` for the same settings; None: it is made here. teachers: see distillation.
    reference: the class shares, (classes,), for which probabilities are right; None: those of the recipe's own photos.
    """

    def __init__(
        self,
        settings: Settings,
        training: Examples,
        stopping: Examples,
        network: keras.Model | None = None,
        teachers: Sequence[keras.Model] = (),
        reference: NDArray[np.float64] | None = None,
    ) -> None:
        self.settings, self.training = settings, training
        self.steps = steps_per_epoch(training, settings)
        self.coarse_epochs = round(settings.training.coarse_share * settings.training.epochs)
        classes = len(class_codes(settings.task))
        # The network learns how much each class counts in the loss; the shift, (classes,), corrects its logits to the
        # reference shares. Photos that are only known to be benign have the label `classes`, and are left out here.
        trained_prior = training_prior(training.labels, classes + 1, settings.training)[:classes]
        own_labels = training.labels if training.is_own is None else training.labels[training.is_own]
        own_prior = empirical_prior(own_labels, classes + 1)[:classes]
        self.shift = prior_shift(trained_prior, own_prior if reference is None else reference)
        network = network or initial_network(settings)
        self.network = AugmentedModel(network)
        self.average = WeightAverage(
            build_network(settings), network, settings.training.averaging, self.steps
        )
        self.early_stopping = EarlyStopping(
            settings.training, stopping, classes, self.shift, self.coarse_epochs
        )
        self.distillation = (
            DistillationLoss(teachers, self.shift, settings.training.distillation) if teachers else None
        )
        has_group_targets = bool((training.labels >= classes).any())
        self.loss = (
            any_of_or_cross_entropy
            if has_group_targets
            else keras.losses.CategoricalCrossentropy(from_logits=True)
        )
        self.optimizer = build_optimizer(settings.training, self.steps)
        self.optimizer.build(self.network.trainable_variables)
        self._compile(coarse=self.coarse_epochs > 0)

    @property
    def epochs_done(self) -> int:
        """Return the number of epochs that are done."""
        return len(self.early_stopping.progress.history)

    def train_epoch(self, bar: tqdm) -> None:
        """Train for one epoch, and evaluate the averaged weights."""
        epoch = self.epochs_done
        if self.coarse != (epoch < self.coarse_epochs):
            self._compile(not self.coarse)
        _seed_dropout(self.network.network, self.settings.seed, epoch)
        losses = []
        examples = replace(self.training, coarse=self.coarse)
        for step, batch in enumerate(training_batches(examples, self.settings, epoch)):
            losses.append(float(self.network.train_on_batch(*batch)))
            self.average.follow(epoch * self.steps + step)
            bar.update()
        self.early_stopping.evaluate(self.average.averaged, float(np.mean(losses)))

    def best_network(self) -> keras.Model:
        """Return the network with the best averaged weights; the bias of its head includes `shift`."""
        network = self.average.averaged
        network.set_weights(self.early_stopping.best_weights)
        bias = network.get_layer("head").bias
        bias.assign(bias + self.shift)
        return network

    def save(self, path: Path) -> None:
        best_weights = {"best": self.early_stopping.best_weights}
        checkpoint.save_checkpoint(path, self.early_stopping.progress, self._state() | best_weights)

    def restore(self, path: Path) -> None:
        self.early_stopping.progress, groups = checkpoint.load_checkpoint(path)
        for name, variables in self._state().items():
            for variable, value in zip(variables, groups[name], strict=True):
                variable.assign(value)
        self.early_stopping.best_weights = groups["best"]

    def _compile(self, coarse: bool) -> None:
        """Compile the network, without teachers if photos are coarse (half the edge): teachers need the full edge."""
        self.coarse = coarse
        self.network.distillation = None if coarse else self.distillation
        share = 1 - self.settings.training.distillation if self.network.distillation else 1.0
        self.network.compile(optimizer=self.optimizer, loss=self.loss, loss_weights=[share])

    def _state(self) -> dict[str, Sequence[Any]]:
        """Return the variables that a checkpoint saves, by the name of their group."""
        return {
            "network": self.network.network.variables,
            "averaged": self.average.averaged.variables,
            "optimizer": self.optimizer.variables,
        }


def initial_network(settings: Settings) -> keras.Model:
    """Return the network at the start of its training.

    Its weights come from the seed. It computes in bfloat16 if the settings want this and the machine can do it. It
    accepts photos of any edge if the first epochs use smaller photos.
    """
    keras.utils.set_random_seed(settings.seed)
    dtype = training_dtype(settings.training.bfloat16)
    return build_network(settings, dtype, any_edge=settings.training.coarse_share > 0)


def fit_network(
    settings: Settings,
    training: Examples,
    stopping: Examples,
    folder: Path,
    title: str,
    network: keras.Model | None = None,
    absent: Sequence[int] = (),
    reference: NDArray[np.float64] | None = None,
) -> keras.Model:
    """Train until the schedule or the patience ends; return the network with the best averaged weights, in float32.

    Its probabilities are right for the class shares `reference`; None means those of the recipe's own training photos.
    To this end, a shift of the head's bias undoes the effect of class balancing and of the extra sets' class shares.

    network, reference: as for `Trainer`. folder: it gets a checkpoint after every epoch and `network.keras` at the end.
    A training is resumed from its checkpoint. The teachers are the networks in folders of the same name in other runs.
    absent: indices of classes without a photo in the data set; the network gives them a probability of 0.
    """
    trainer = Trainer(settings, training, stopping, network, load_teachers(settings, folder), reference)
    path, stopping_rule = folder / CHECKPOINT_FILE, trainer.early_stopping
    if path.exists():
        trainer.restore(path)
    total, done = settings.training.epochs * trainer.steps, trainer.epochs_done * trainer.steps
    with tqdm(total=total, initial=done, desc=title, unit=" steps", mininterval=1) as bar:
        while not stopping_rule.is_over():
            started = time.process_time()
            trainer.train_epoch(bar)
            stopping_rule.progress.cpu_seconds += time.process_time() - started
            trainer.save(path)
            row = stopping_rule.progress.history[-1]
            figures = {"loss": f"{row['loss']:.3f}", "auc": f"{row['stopping_macro_auc']:.4f}"}
            bar.set_postfix(epoch=trainer.epochs_done, **figures)
    network = trainer.best_network()
    rule_out_classes(network, absent)
    fold_normalisation(network)
    save_network(network, folder)
    return network


def save_network(network: keras.Model, folder: Path) -> None:
    """Write NETWORK_FILE in `folder`, completely or not at all, and compressed. Keras itself does not compress it."""
    with atomic_write(folder / NETWORK_FILE) as temporary:
        keras_file = temporary.with_suffix(".keras")  # Keras accepts no other suffix
        network.save(keras_file)
        with ZipFile(keras_file) as saved, ZipFile(temporary, "w", ZIP_BZIP2) as compressed:
            for member in saved.infolist():
                compressed.writestr(member, saved.read(member), ZIP_BZIP2)
        keras_file.unlink()


def rule_out_classes(network: keras.Model, absent: Sequence[int]) -> None:
    """Lower the head's bias of these classes, so that their probability is 0 and they are never decided."""
    if len(absent):
        bias = network.get_layer("head").bias
        values = np.asarray(bias).copy()
        values[list(absent)] = RULED_OUT_LOGIT
        bias.assign(values)


def _seed_dropout(network: keras.Model, seed: int, epoch: int) -> None:
    """Make the dropout of an epoch depend only on (seed, epoch), so that it is the same in a resumed training."""
    dropout = network.get_layer("dropout")
    if dropout.rate > 0:  # without dropout, Keras makes no random generator
        dropout.seed_generator.state.assign(np.array([seed, epoch], "uint32"))
