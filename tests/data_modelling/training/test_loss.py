import keras
import numpy as np
import pytest

from data_modelling.inference.diagnoses import class_codes
from data_modelling.training.loss import any_of_or_cross_entropy, target_distributions

LOGITS = np.random.default_rng(8).normal(0, 2, (9, 9)).astype("float32")


def test_known_classes_have_keras_own_cross_entropy():
    target = target_distributions("isic2019", 0.05)[:9]
    expected = keras.losses.CategoricalCrossentropy(from_logits=True, reduction=None)(target, LOGITS)
    np.testing.assert_allclose(any_of_or_cross_entropy(target, LOGITS), expected, rtol=1e-5)


def test_known_classes_are_smoothed_to_one():
    targets = target_distributions("isic2019", 0.09)
    assert targets[:9].sum(axis=1) == pytest.approx(np.ones(9))
    assert targets[0, 0] == pytest.approx(0.92)
    assert targets[0, 1] == pytest.approx(0.01)


def test_what_is_only_known_to_be_benign_may_be_any_benign_class():
    target = target_distributions("isic2019", 0.05)[9:]
    assert [code for code, may in zip(class_codes("isic2019"), target[0], strict=True) if may] == [
        "NV",
        "BKL",
        "DF",
        "VASC",
    ]
    probability = np.exp(LOGITS[:1]) / np.exp(LOGITS[:1]).sum()
    together = probability[0, target[0] > 0].sum()
    assert float(any_of_or_cross_entropy(target, LOGITS[:1])[0]) == pytest.approx(-np.log(together), rel=1e-5)


def test_it_scores_cancer_down_and_leaves_the_benign_classes_among_themselves():
    """The gradient: p of each class less what of it is among the allowed ones, so cancer's is its probability."""
    target = target_distributions("isic2019", 0.0)[9:]
    step = 1e-2
    gradient = []
    for index in range(9):
        up, down = LOGITS[:1].astype("float64").copy(), LOGITS[:1].astype("float64").copy()
        up[0, index] += step
        down[0, index] -= step
        values = [float(any_of_or_cross_entropy(target, one.astype("float32"))[0]) for one in (up, down)]
        gradient.append((values[0] - values[1]) / (2 * step))
    probability = np.exp(LOGITS[0].astype("float64")) / np.exp(LOGITS[0].astype("float64")).sum()
    among = probability * target[0] / (probability * target[0]).sum()
    np.testing.assert_allclose(gradient, probability - among, atol=2e-3)
