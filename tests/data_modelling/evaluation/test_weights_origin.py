import pytest

from data_modelling.evaluation.weights_origin import describe_initial_weights


@pytest.mark.parametrize(
    ("network", "said"),
    [
        ({}, "trained from scratch"),  # a bundle older than the setting
        ({"weights": ""}, "trained from scratch"),
        ({"weights": "imagenet"}, "trained from ImageNet weights"),
        ({"weights": "/home/me/ham10000/model.keras"}, "trained on from the weights of ham10000/model.keras"),
        ({"weights": "mine.keras"}, "trained on from the weights of mine.keras"),
    ],
)
def test_only_new_weights_are_called_from_scratch(network, said):
    assert describe_initial_weights({"settings": {"network": network}}) == said
