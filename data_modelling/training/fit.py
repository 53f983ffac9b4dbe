"""Train one network on one part of the data: AdamW, warm-up and cosine, averaged weights, checkpoints."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from tqdm import tqdm

from data_modelling.evaluation.metrics import macro_auc
from data_modelling.inference.diagnoses import codes
from data_modelling.inference.files import replaced_when_whole
from data_modelling.networks import backbones
from data_modelling.networks.fusion import build_network
from data_modelling.settings import Settings, TrainingSettings, at_half_the_edge, before_the_last
from data_modelling.training import checkpoint
from data_modelling.training.augmentation import Augmented
from data_modelling.training.checkpoint import NETWORK, Progress
from data_modelling.training.distillation import Teaching, teacher, teachers_of
from data_modelling.training.loss import any_of_or_cross_entropy
from data_modelling.training.outlines import OutlineTask
from data_modelling.training.pipeline import Examples, predict_logits, steps_an_epoch, training_batches
from data_modelling.training.precision import training_dtype
from data_modelling.training.pretraining import pretrain
from data_modelling.training.shares import actual_shares, shown_shares

AVERAGED = 8  # steps from one averaging of the weights to the next: each step would cost a tenth of the time
EARLIER = "earlier"  # the folder, in a training's, of the generation before
SEEDS_APART = 1000  # between two generations
SMOOTHED = 3  # epochs whose AUC is averaged before epochs are compared


class Run:
    """One training run with all its state: the trained network, its running average, the optimiser.

    network: one that `untrained` made of the same settings; None makes it. teachers: see training.distillation.
    """

    def __init__(
        self,
        settings: Settings,
        training: Examples,
        stopping: Examples,
        network: keras.Model | None = None,
        teachers: Sequence[keras.Model] = (),
    ) -> None:
        self.settings, self.training, self.stopping = settings, training, stopping
        self.steps = steps_an_epoch(training, settings)
        classes = len(codes(settings.task))
        # What the rest of the road corrects: the network learns the shares that it is shown, of all sets' photos, and is
        # to answer for those of the judged set. What is only known to be benign, the label after the last class, has no
        # share of a class.
        self.shown = shown_shares(training.labels, classes + 1, settings.training)[:classes]
        self.actual = actual_shares(training.own_labels(), classes + 1)[:classes]
        self.judged = np.flatnonzero(stopping.labels < classes)  # of the others no class can be judged
        several = bool((training.labels >= classes).any())
        self.loss = (
            any_of_or_cross_entropy if several else keras.losses.CategoricalCrossentropy(from_logits=True)
        )
        self.teachers, self.progress = teachers, Progress()
        network = network or untrained(settings)
        self.averaged = build_network(settings)  # asked for whole photos always
        self.averaged.set_weights(network.get_weights())
        self._make(self._is_coarse(0), network)
        self.best_weights = self.averaged.get_weights()

    def train_epoch(self, bar: tqdm) -> float:
        """One pass; the mean of the batches' losses."""
        epoch = len(self.progress.history)
        self._look(self._is_coarse(epoch))
        frozen = epoch < self.settings.training.frozen_epochs
        if frozen == self.network.network.get_layer(backbones.BRANCH).trainable:
            self._freeze(frozen)
        _seed_dropout(self.network.network, self.settings.seed, epoch)
        losses = []
        batches = training_batches(replace(self.training, coarse=self.coarse), self.settings, epoch)
        for step, (batch, target, weights) in enumerate(batches):
            losses.append(self.train_batch(batch, target, weights, epoch * self.steps + step))
            bar.update()
        return float(np.mean(losses))

    def train_batch(self, batch: dict[str, Any], target: Any, weights: Any, step: int) -> float:
        """One step of the optimiser and of the average, the `step`th of all; the batch's loss."""
        loss = float(self.network.train_on_batch(batch, target, weights))
        place = step % self.steps
        if (place + 1) % AVERAGED == 0 or place + 1 == self.steps:
            self._average(step, since=place % AVERAGED + 1)
        return loss

    def judge_epoch(self, loss: float) -> None:
        """Add the epoch to the history and keep the averaged weights if they are the best so far."""
        logits = predict_logits(self.averaged, self.stopping, with_details=False)
        probability = softmax(logits + self.prior_shift(), axis=1)
        auc = macro_auc(self.stopping.labels[self.judged], probability[self.judged])
        history = self.progress.history
        history.append({"loss": loss, "stopping_macro_auc": auc})
        recent = [row["stopping_macro_auc"] for row in history[-SMOOTHED:]]
        history[-1]["smoothed_macro_auc"] = float(np.mean(recent))
        best = self.progress.best
        if best < 0 or history[-1]["smoothed_macro_auc"] > history[best]["smoothed_macro_auc"]:
            self.progress.best = len(history) - 1
            self.best_weights = self.averaged.get_weights()

    def prior_shift(self) -> NDArray[np.float64]:
        """What to add to the logits, (classes,), so that they fit the actual shares of the classes."""
        return prior_shift(self.shown, self.actual) + self.adjustment()

    def adjustment(self) -> NDArray[np.float64]:
        """What the loss adds to the logits, (classes,); the part of the shares shown that the network need not learn."""
        seen = np.where(self.shown > 0, self.shown, 1.0)
        return np.asarray(self.settings.training.logit_adjustment * np.log(seen))

    def is_over(self) -> bool:
        """The schedule has ended, or nothing got better for long enough, coarse epochs not counted."""
        done, training = len(self.progress.history), self.settings.training
        since = done - 1 - max(self.progress.best, self._coarse_epochs() - 1)
        stale = since >= training.patience and not self.coarse
        return done >= training.epochs or (stale and done >= training.least_share * training.epochs)

    def finished(self) -> keras.Model:
        """The best averaged network, its head corrected to the actual shares of the classes."""
        self.averaged.set_weights(self.best_weights)
        bias = self.averaged.get_layer("head").bias
        bias.assign(bias + self.prior_shift())
        return self.averaged

    def save(self, path: Path) -> None:
        checkpoint.save(path, self.progress, self._state() | {"best": self.best_weights})

    def restore(self, path: Path) -> None:
        self.progress, groups = checkpoint.load(path)
        self._look(self._is_coarse(len(self.progress.history) - 1))
        self._take(groups)
        self.best_weights = groups["best"]

    def _is_coarse(self, epoch: int) -> bool:
        return epoch < self._coarse_epochs()

    def _coarse_epochs(self) -> int:
        training = self.settings.training
        return round(training.coarse_share * training.epochs)

    def _make(self, coarse: bool, network: keras.Model) -> None:
        """Network and optimiser, as at a run's beginning; `network`, or one with its weights for half the edge."""
        self.coarse, settings = coarse, self.settings
        if coarse:
            small = untrained(at_half_the_edge(settings))
            small.set_weights(network.get_weights())
            network = small
        self.network = Augmented(network, self.adjustment(), self._teaching(), self._outlining(network))
        self.optimizer = optimizer_of(settings.training, self.steps)
        self.optimizer.build(self.network.trainable_variables)  # all of them, before any is frozen
        self._freeze(settings.training.frozen_epochs > len(self.progress.history))

    def _look(self, coarse: bool) -> None:
        """Go on with photos of the edge, or of half of it."""
        if coarse != self.coarse:
            before = self._state()
            self._make(coarse, untrained(self.settings))
            self._take(before)

    def _state(self) -> dict[str, Sequence[Any]]:
        return {
            "network": self.network.network.variables,
            "outline": self._outline_variables(),
            "averaged": self.averaged.variables,
            "optimizer": self.optimizer.variables,
        }

    def _take(self, groups: Mapping[str, Sequence[Any]]) -> None:
        for name, variables in self._state().items():
            checkpoint.assign(variables, groups.get(name, []))

    def _teaching(self) -> Teaching | None:
        """None where photos are coarse: the teachers never saw such."""
        if not self.teachers or self.coarse:
            return None
        shift = prior_shift(self.shown, self.actual)
        return Teaching(self.teachers, shift, self.settings.training.distillation)

    def _outlining(self, network: keras.Model) -> OutlineTask | None:
        share = self.settings.training.outlines
        if not share or self.training.outlines is None:
            return None
        return OutlineTask(network.output["feature_map"].shape[-1], share)

    def _outline_variables(self) -> list[keras.Variable]:
        head = self.network.outline_head
        return head.variables if head else []

    def _freeze(self, frozen: bool) -> None:
        """Keep the image branch as it is, its batch statistics too, or train it with the rest."""
        self.network.network.get_layer(backbones.BRANCH).trainable = not frozen
        taught = self.network.teaching is not None
        share = 1 - self.settings.training.distillation if taught else 1.0
        self.network.compile(optimizer=self.optimizer, loss=self.loss, loss_weights=[share])

    def _average(self, step: int, since: int) -> None:
        """Move the averaged weights, batch statistics included, towards the network's; `since`: steps from the last."""
        decay = min(self.settings.training.averaging, (1 + step) / (10 + step)) ** since
        for mean, value in zip(self.averaged.weights, self.network.network.weights, strict=True):
            if mean.dtype == "float32":
                mean.assign(decay * mean + (1 - decay) * keras.ops.cast(value, "float32"))


def untrained(settings: Settings) -> keras.Model:
    """The network as its training starts: weights from the seed or a file, computing as the settings say."""
    keras.utils.set_random_seed(settings.seed)
    network = build_network(settings, training_dtype(settings.training.bfloat16))
    backbones.load_weights(network, settings.network)
    return network


def fit(
    settings: Settings,
    training: Examples,
    stopping: Examples,
    folder: Path,
    title: str,
    network: keras.Model | None = None,
) -> keras.Model:
    """Train until the schedule or patience ends; the network with the best averaged weights, in float32.

    Its logits fit the actual shares of the classes in the judged set's training part: the shift of the balanced epochs,
    and that of other sets' photos, is undone in the head's bias.

    network: as for Run. folder: holds the checkpoint; a run found there goes on where it was. Saves after
    every epoch, and `network.keras` at the end. Teachers are the networks of the folder's stage in other runs, and,
    in a later generation, the network of the one before (born-again networks, Furlanello et al. 2018,
    arXiv:1805.04770).
    """
    teachers, path = teachers_of(settings, folder), folder / "checkpoint.npz"
    if settings.training.generations > 1:
        earlier = _generation_before(settings, replace(training, known=None), stopping, folder, title)
        teachers, training = [*teachers, earlier], _known_to_one_more(training)
    if settings.training.pretraining_epochs and not path.exists():
        network = network or untrained(settings)
        pretrain(network, settings, training, folder)
    run = Run(settings, training, stopping, network, teachers)
    if path.exists():
        run.restore(path)
    done = len(run.progress.history)
    total = settings.training.epochs * run.steps
    with tqdm(total=total, initial=done * run.steps, desc=title, unit=" steps", mininterval=1) as bar:
        while not run.is_over():
            started = time.process_time()
            run.judge_epoch(run.train_epoch(bar))
            run.progress.cpu_seconds += time.process_time() - started
            run.save(path)
            last = run.progress.history[-1]
            bar.set_postfix(
                epoch=len(run.progress.history),
                loss=f"{last['loss']:.3f}",
                auc=f"{last['stopping_macro_auc']:.4f}",
            )
    network = run.finished()
    with replaced_when_whole(folder / NETWORK) as temporary:
        final = temporary.with_suffix(".keras")  # Keras insists on the ending
        network.save(final)
        final.rename(temporary)
    return network


def _generation_before(
    settings: Settings, training: Examples, stopping: Examples, folder: Path, title: str
) -> keras.Model:
    """The teacher: trained on the very photos that its student is trained on, from other first weights."""
    earlier = replace(before_the_last(settings), seed=settings.seed + SEEDS_APART)
    inside = folder / EARLIER
    if not (inside / NETWORK).exists():
        inside.mkdir(parents=True, exist_ok=True)
        fit(earlier, training, stopping, inside, f"{title}, its teacher")
    return teacher(settings, inside / NETWORK)


def _known_to_one_more(training: Examples) -> Examples:
    """Photos all of which another teacher, the last, knows."""
    if training.known is None:
        return training
    known = np.pad(training.known, ((0, 0), (0, 1)), constant_values=1)
    return replace(training, known=known)


def photo_macro_auc(network: keras.Model, part: Examples, shift: NDArray[np.float64] | float = 0.0) -> float:
    """Macro AUC of the photos alone; shift: what to add to the logits, (classes,)."""
    logits = predict_logits(network, part, with_details=False).astype(float)
    return macro_auc(part.labels, softmax(logits + shift, axis=1))


def prior_shift(shown: NDArray[np.float64], actual: NDArray[np.float64]) -> NDArray[np.float64]:
    """log(actual / shown) a class: undoes resampling (Saerens et al. 2002, doi:10.1162/089976602753284446).

    A class that was not shown gets 0.
    """
    seen = (shown > 0) & (actual > 0)
    return np.where(seen, np.log(np.where(seen, actual, 1)) - np.log(np.where(seen, shown, 1)), 0.0)


class FineTuning(keras.optimizers.schedules.LearningRateSchedule):
    """Another schedule, times `factor` from a step on."""

    def __init__(
        self, schedule: keras.optimizers.schedules.LearningRateSchedule, step: int, factor: float
    ) -> None:
        self.schedule, self.step, self.factor = schedule, step, factor

    def __call__(self, step: Any) -> Any:
        return self.schedule(step) * keras.ops.where(step < self.step, 1.0, self.factor)

    def get_config(self) -> dict[str, Any]:
        return {"schedule": self.schedule, "step": self.step, "factor": self.factor}


def optimizer_of(training: TrainingSettings, steps: int) -> keras.optimizers.Optimizer:
    """AdamW with warm-up and cosine over epochs of so many steps; no weight decay on biases and norms."""
    warmup = round(training.warmup_epochs * steps)
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=training.learning_rate / 100,
        warmup_target=training.learning_rate,
        warmup_steps=warmup,
        decay_steps=max(1, training.epochs * steps - warmup),
    )
    if training.frozen_epochs:
        schedule = FineTuning(schedule, training.frozen_epochs * steps, training.fine_tuning)
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=training.weight_decay)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def _seed_dropout(network: keras.Model, seed: int, epoch: int) -> None:
    """Make an epoch's dropout depend on (seed, epoch) alone, so that a resumed run repeats it."""
    dropout = network.get_layer("dropout")
    if dropout.rate > 0:  # else Keras gives it no generator
        dropout.seed_generator.state.assign(np.array([seed, epoch], "uint32"))
