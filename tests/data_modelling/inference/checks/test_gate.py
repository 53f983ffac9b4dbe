import json

import numpy as np
import pytest

from data_modelling.inference.checks.gate import (
    GATE_FILE,
    IMAGE_FEATURES_WEIGHT,
    METHOD_VERSION,
    Gate,
    LesionDetector,
    MahalanobisDistance,
    embedding_square_root,
)
from data_modelling.inference.checks.image_features import FEATURE_COUNT
from data_modelling.inference.errors import BundleError

# Variances 4 and 1/4 on the two axes: the matrix halves the first value and doubles the second.
MATRIX = np.diag([0.5, 2]).astype(np.float32)
CENTRES = np.array([[0, 0], [10, 0]], np.float32) @ MATRIX
METADATA = {
    "head": {"kernel": [[0.0], [0.0]]},
    "gate": {
        "method": METHOD_VERSION,
        "threshold": 2.0,
        "quantiles": [-1.0, 0.0, 1.0, 3.0],
        "embedding_mean": 0.0,
        "embedding_spread": 0.5,
        "looks_mean": 0.0,
        "looks_spread": 1.0,
    },
}


def arrays():
    return {
        "embedding_matrix": MATRIX,
        "embedding_centres": CENTRES,
        "looks_matrix": np.eye(FEATURE_COUNT, dtype=np.float32),
        "looks_centres": np.zeros((1, FEATURE_COUNT), np.float32),
    }


@pytest.fixture
def folder(tmp_path):
    np.savez(tmp_path / GATE_FILE, **arrays())
    return tmp_path


def changed(**changes):
    return METADATA | {"gate": METADATA["gate"] | changes}


@pytest.mark.parametrize(
    ("value", "distance"),
    [([2, 0], 1), ([0, 1], 2), ([4, 1], np.sqrt(8)), ([6, 0], 2), ([12, 0.5], np.sqrt(2))],
)
def test_the_distance_is_that_of_the_nearest_centre_in_standard_deviations(value, distance):
    assert MahalanobisDistance(MATRIX, CENTRES, 0, 1).distance(np.array(value)) == pytest.approx(distance)


def test_the_two_distances_are_added_as_logarithms_in_their_own_spread(folder):
    gate = Gate.load(folder, METADATA)
    features = np.zeros(FEATURE_COUNT, np.float32)
    features[0] = np.e**2
    embedding = np.array([0, (np.e / 2) ** 2])  # its root is e / 2, at e from the first centre
    assert gate.distance(features, embedding) == pytest.approx(1 / 0.5 + IMAGE_FEATURES_WEIGHT * 2, abs=1e-5)


def test_an_embedding_is_rooted_and_what_is_below_zero_counts_as_zero():
    assert embedding_square_root(np.array([[4.0, 0.25, -1.0]])).tolist() == [[2, 0.5, 0]]


def test_above_the_threshold_a_photo_is_foreign(folder, monkeypatch):
    """The detector's score of these features is the first of them."""
    hidden = np.zeros((FEATURE_COUNT + 1, 2), np.float32)
    hidden[0] = 1, -1
    detector = LesionDetector(hidden, np.array([1, -1, 0], np.float32), 0.0)
    monkeypatch.setattr("data_modelling.inference.checks.gate.load_lesion_detector", lambda: detector)
    gate = Gate.load(folder, METADATA)
    features = np.zeros((4, FEATURE_COUNT))
    features[:, 0] = -5, 2.0, 2.0001, np.nan
    assert [gate.foreign(row) for row in features] == [False, False, True, True]


def test_nearness_is_the_share_of_lesion_photos_that_are_as_far(folder):
    gate = Gate.load(folder, METADATA)
    nearness = [gate.nearness(distance) for distance in (-9, -1, 0, 0.5, 3, 3.1, np.nan, np.inf)]
    assert nearness == pytest.approx([1, 1, 2 / 3, 1 / 2, 0, 0, 0, 0])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_cannot_be_measured_is_refused(folder, value):
    gate = Gate.load(folder, METADATA)
    features = np.zeros(FEATURE_COUNT)
    features[:] = value
    assert gate.foreign(features)
    assert np.isnan(gate.distance(features, np.ones(2)))


@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        ({}, "has no gate"),
        ({"gate": "yes"}, "has no gate"),
        (changed(method=METHOD_VERSION + 1), "has no gate of method"),
        (changed(threshold=None), "gate.threshold"),
        (changed(threshold=float("nan")), "gate.threshold"),
        (changed(threshold="high"), "gate.threshold"),
        (changed(quantiles=[]), "gate.quantiles"),
        (changed(quantiles=[1.0, 0.0]), "rising"),
        (changed(embedding_mean=None), "gate.embedding_mean"),
        (changed(looks_spread=0.0), "looks_spread"),
    ],
)
def test_without_its_metadata_there_is_no_gate(folder, metadata, told):
    with pytest.raises(BundleError, match=told):
        Gate.load(folder, json.loads(json.dumps(metadata)))


@pytest.mark.parametrize(
    "change",
    [
        {"embedding_matrix": np.zeros((0, 0))},
        {"embedding_matrix": np.eye(3)},
        {"embedding_centres": np.full((1, 2), np.nan)},
        {"looks_centres": np.zeros((0, FEATURE_COUNT))},
        {"looks_matrix": np.eye(FEATURE_COUNT - 1)},
    ],
)
def test_without_its_arrays_there_is_no_gate(tmp_path, change):
    np.savez(tmp_path / GATE_FILE, **(arrays() | change))
    with pytest.raises(BundleError, match=GATE_FILE):
        Gate.load(tmp_path, METADATA)


@pytest.mark.parametrize("content", [None, b"", b"no archive", b"PK\x03\x04 cut off", b"a single array"])
def test_without_its_file_there_is_no_gate(tmp_path, content):
    if content is not None:
        (tmp_path / GATE_FILE).write_bytes(content)
    if content == b"a single array":
        with (tmp_path / GATE_FILE).open("wb") as file:
            np.save(file, MATRIX)
    with pytest.raises(BundleError, match=GATE_FILE):
        Gate.load(tmp_path, METADATA)
