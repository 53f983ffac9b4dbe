from pathlib import Path

import keras
import numpy as np
import pytest
from msgspec import structs

from data_modelling.inference.details import Details, encode_details
from data_modelling.networks.merged_classes import class_groups, merge_classes, network_head
from data_modelling.networks.model import build_network
from data_modelling.settings import read_settings

SMOKE = read_settings(Path("data_modelling/configs/smoke.toml"))


@pytest.fixture(scope="module")
def network() -> keras.Model:
    keras.utils.set_random_seed(4)
    return build_network(structs.replace(SMOKE, task="isic2019", left_out=("BCC",)))


def test_the_classes_of_a_task_consist_of_those_of_isic_2019() -> None:
    """MEL NV BCC AK BKL DF VASC SCC: AKIEC is AK or SCC; of ISIC 2020 everything but melanoma is benign."""
    assert class_groups("ham10000") == ((0,), (1,), (2,), (3, 7), (4,), (5,), (6,))
    assert class_groups("isic2020") == ((0,), (1, 2, 3, 4, 5, 6, 7))


@pytest.mark.parametrize("task", ["ham10000", "isic2020"])
def test_the_head_explains_the_logits_of_the_photo_alone(network: keras.Model, task: str) -> None:
    merged = merge_classes(network, task)
    photos = np.random.default_rng(1).uniform(0, 255, (4, 32, 32, 3)).astype(np.float32)
    unknown = np.tile(encode_details(Details()), (4, 1))
    outputs = merged.predict_on_batch({"photo": photos, "details": unknown})
    head = network_head(merged)
    assert len(head.groups or head.bias) == len(class_groups(task))
    parts = [head.photo_part(feature_map) for feature_map in outputs["feature_map"]]
    np.testing.assert_allclose(outputs["logits"], parts, atol=1e-4)
    maps, biases = head.parts(outputs["feature_map"][0])
    # Of a class of one part, the cells and the bias sum to the logit.
    assert maps[0].sum() + biases[0] == pytest.approx(parts[0][0])
    # Of a merged class they sum to the mean of its parts' logits, which is below the logarithm of their sum.
    assert maps[-1 if task == "isic2020" else 3].sum() + biases[-1 if task == "isic2020" else 3] < max(
        parts[0]
    )


def test_a_network_that_is_not_merged_keeps_its_head(network: keras.Model) -> None:
    head = network_head(network)
    assert head.groups == ()
    np.testing.assert_array_equal(head.kernel, network.get_layer("head").get_weights()[0])
