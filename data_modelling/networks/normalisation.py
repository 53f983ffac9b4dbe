"""Batch normalisation that keeps bfloat16 fast on TensorFlow's CPU."""

from typing import Any

import keras


@keras.saving.register_keras_serializable("data_modelling")
class BatchNormalization(keras.layers.BatchNormalization):
    """Keras's own (Ioffe and Szegedy 2015, arXiv:1502.03167); training in bfloat16 on TensorFlow it is one fused kernel.

    Keras casts a bfloat16 map to float32, passes over it several times and casts it back: a quarter of a training
    step. The kernel reads and writes bfloat16 and keeps mean and variance in float32. (N, H, W, C) to the same shape.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        if training and self.trainable and mask is None and self._is_fused(inputs):
            return self._fused(inputs)
        return super().call(inputs, training=training, mask=mask)

    def _is_fused(self, inputs: Any) -> bool:
        in_bfloat16 = keras.backend.standardize_dtype(inputs.dtype) == "bfloat16"
        return keras.backend.backend() == "tensorflow" and in_bfloat16 and len(inputs.shape) == 4

    def _fused(self, inputs: Any) -> Any:
        import tensorflow as tf  # only where it is the backend

        inputs = tf.convert_to_tensor(inputs)
        moving = [tf.convert_to_tensor(value) for value in (self.moving_mean, self.moving_variance)]
        outputs, mean, unbiased, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=tf.convert_to_tensor(self.gamma),
            offset=tf.convert_to_tensor(self.beta),
            mean=moving[0],
            variance=moving[1],
            epsilon=self.epsilon,
            exponential_avg_factor=1.0,
            is_training=True,
        )
        values = tf.cast(tf.size(inputs) // tf.shape(inputs)[-1], tf.float32)
        variance = unbiased * (values - 1) / values  # as Keras keeps it
        for held, before, now in zip(
            (self.moving_mean, self.moving_variance), moving, (mean, variance), strict=True
        ):
            held.assign(before * self.momentum + now * (1 - self.momentum))
        return outputs
