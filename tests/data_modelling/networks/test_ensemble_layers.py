import keras
import numpy as np
import pytest

from data_modelling.networks.ensemble_layers import MeanOfProbabilities


def test_the_mean_of_probabilities_by_hand() -> None:
    """The probabilities are .8 and .4 at a temperature of 1 and 2: the second's logits are halved."""
    layer = MeanOfProbabilities.from_config(MeanOfProbabilities([1.0, 2.0]).get_config())
    logits = [np.log([[0.8, 0.2]], dtype=np.float32), 2 * np.log([[0.4, 0.6]], dtype=np.float32)]
    found = np.exp(keras.ops.convert_to_numpy(layer(logits)))
    assert found[0].tolist() == pytest.approx([0.6, 0.4], abs=1e-6)
