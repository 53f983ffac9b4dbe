"""Builds the optimizer of a training (AdamW, or Muon for kernels of convolutions) with its learning rate schedule."""

from typing import Any

import keras
import numpy as np
from keras import ops

from data_modelling.settings import MUON, TrainingSettings

COLOUR_CHANNELS = 3
WITHOUT_DECAY = ("bias", "gamma", "beta")  # variables without weight decay: biases and normalisations


def build_optimizer(training: TrainingSettings, steps: int) -> keras.optimizers.Optimizer:
    """Return the recipe's optimizer with a warm-up and a cosine schedule. steps: the number of steps per epoch."""
    warmup = round(training.warmup_epochs * steps)
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=training.learning_rate / 100,
        warmup_target=training.learning_rate,
        warmup_steps=warmup,
        decay_steps=max(1, training.epochs * steps - warmup),
    )
    decay = training.weight_decay
    optimizer = (
        ConvolutionMuon(schedule, weight_decay=decay, adam_weight_decay=decay)
        if training.optimizer == MUON
        else keras.optimizers.AdamW(schedule, weight_decay=decay)
    )
    optimizer.exclude_from_weight_decay(var_names=list(WITHOUT_DECAY))
    return optimizer


@keras.saving.register_keras_serializable("data_modelling")
class ConvolutionMuon(keras.optimizers.Muon):
    """Uses Muon (Jordan et al. 2024, kellerjordan.github.io/posts/muon) for kernels of convolutions, else AdamW.

    Muon replaces the momentum of a matrix by the nearest matrix with orthonormal columns or rows. Keras's Muon takes
    only matrices, so a kernel (height, width, inputs, outputs) becomes the matrix (height * width * inputs, outputs).
    The first convolution, which sees colours, is left to AdamW, as the authors recommend. The step is scaled so that
    AdamW's learning rate and weight decay fit it too (Liu et al. 2025, arXiv:2502.16982).
    """

    def _should_use_adamw(self, variable: Any) -> bool:
        return len(variable.shape) != 4 or variable.shape[2] == COLOUR_CHANNELS

    def _muon_update_step(self, gradient: Any, variable: Any, lr: Any, m: Any) -> None:
        self.assign_add(m, gradient + m * (self.momentum - 1))
        momentum = gradient + self.momentum * m if self.nesterov else m
        matrix = ops.reshape(momentum, (int(np.prod(variable.shape[:-1])), variable.shape[-1]))
        update = self.lr_adjust(lr * self.zeropower_via_newtonschulz5(matrix, self.ns_steps))
        self.assign_sub(variable, ops.reshape(update, variable.shape))

    def zeropower_via_newtonschulz5(self, x: Any, steps: int) -> Any:
        """Return the same as Keras's method for x (N, M), but iterate on x^T x (M, M), which usually takes less time.

        Each step multiplies x by a polynomial of x^T x. The polynomials commute, so their product is computed first.
        """
        x = x / (ops.norm(x) + 1e-7)
        gram, identity = ops.matmul(ops.transpose(x), x), ops.eye(x.shape[1], dtype=x.dtype)
        product = identity
        for _ in range(steps):
            polynomial = self.muon_a * identity + self.muon_b * gram + self.muon_c * ops.matmul(gram, gram)
            product = ops.matmul(product, polynomial)
            gram = ops.matmul(ops.matmul(polynomial, gram), polynomial)
        return ops.matmul(x, product)
