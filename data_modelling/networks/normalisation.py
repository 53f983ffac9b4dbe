"""Provides batch normalisation that stays fast in bfloat16 (16-bit numbers) when TensorFlow runs on a CPU."""

from typing import Any

import keras


@keras.saving.register_keras_serializable("data_modelling")
class BatchNormalization(keras.layers.BatchNormalization):
    """Computes batch normalisation with one fused operation if a network trains in bfloat16 on TensorFlow.

    The method is that of Ioffe and Szegedy 2015, arXiv:1502.03167; the shape (N, rows, columns, channels) stays.
    Keras's own layer casts a bfloat16 feature map to float32, passes over it several times and casts it back. This
    takes a quarter of a training step. The fused operation reads and writes bfloat16; mean and variance are float32.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        if training and self.trainable and mask is None and self._is_fused(inputs):
            return self._fused(inputs)
        return super().call(inputs, training=training, mask=mask)

    def _is_fused(self, inputs: Any) -> bool:
        in_bfloat16 = keras.backend.standardize_dtype(inputs.dtype) == "bfloat16"
        return keras.backend.backend() == "tensorflow" and in_bfloat16 and len(inputs.shape) == 4

    def _fused(self, inputs: Any) -> Any:
        import tensorflow as tf  # imported only where TensorFlow is the backend

        inputs = tf.convert_to_tensor(inputs)
        moving_values = [tf.convert_to_tensor(value) for value in (self.moving_mean, self.moving_variance)]
        outputs, mean, unbiased_variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=tf.convert_to_tensor(self.gamma),
            offset=tf.convert_to_tensor(self.beta),
            mean=moving_values[0],
            variance=moving_values[1],
            epsilon=self.epsilon,
            exponential_avg_factor=1.0,
            is_training=True,
        )
        count = tf.cast(tf.size(inputs) // tf.shape(inputs)[-1], tf.float32)
        variance = unbiased_variance * (count - 1) / count  # Keras's running average uses the biased variance
        for variable, previous, batch_value in zip(
            (self.moving_mean, self.moving_variance), moving_values, (mean, variance), strict=True
        ):
            variable.assign(previous * self.momentum + batch_value * (1 - self.momentum))
        return outputs
