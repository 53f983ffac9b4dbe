import pytest

from data_modelling.evaluation.origin import how_trained


@pytest.mark.parametrize(
    ("network", "said"),
    [
        ({}, "trained from scratch"),  # a bundle older than the setting
        ({"weights": ""}, "trained from scratch"),
        ({"weights": "imagenet"}, "trained from ImageNet weights"),
        ({"weights": "mine.keras"}, "trained from the weights of another file"),
    ],
)
def test_only_new_weights_are_called_from_scratch(network, said):
    assert how_trained({"settings": {"network": network}}) == said
