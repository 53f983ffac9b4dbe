import json

import numpy as np
import pytest

from data_modelling.inference.errors import BundleError
from data_modelling.inference.gate import FILE, LOOKS_WEIGHT, METHOD, Gate, Whitened, rooted
from data_modelling.inference.looks import COUNT

# Variances 4 and 1/4 on the two axes: the matrix halves the first value and doubles the second.
MATRIX = np.diag([0.5, 2]).astype(np.float32)
CENTRES = np.array([[0, 0], [10, 0]], np.float32) @ MATRIX
METADATA = {
    "head": {"kernel": [[0.0], [0.0]]},
    "gate": {
        "method": METHOD,
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
        "looks_matrix": np.eye(COUNT, dtype=np.float32),
        "looks_centres": np.zeros((1, COUNT), np.float32),
    }


@pytest.fixture
def folder(tmp_path):
    np.savez(tmp_path / FILE, **arrays())
    return tmp_path


def changed(**changes):
    return METADATA | {"gate": METADATA["gate"] | changes}


@pytest.mark.parametrize(
    ("value", "distance"),
    [([2, 0], 1), ([0, 1], 2), ([4, 1], np.sqrt(8)), ([6, 0], 2), ([12, 0.5], np.sqrt(2))],
)
def test_the_distance_is_that_of_the_nearest_centre_in_standard_deviations(value, distance):
    assert Whitened(MATRIX, CENTRES, 0, 1).distance(np.array(value)) == pytest.approx(distance)


def test_the_two_distances_are_added_as_logarithms_in_their_own_spread(folder):
    gate = Gate.load(folder, METADATA)
    looks = np.zeros(COUNT, np.float32)
    looks[0] = np.e**2
    embedding = np.array([0, (np.e / 2) ** 2])  # its root is e / 2, at e from the first centre
    assert gate.distance(looks, embedding) == pytest.approx(1 / 0.5 + LOOKS_WEIGHT * 2, abs=1e-5)


def test_an_embedding_is_rooted_and_what_is_below_zero_counts_as_zero():
    assert rooted(np.array([[4.0, 0.25, -1.0]])).tolist() == [[2, 0.5, 0]]


def test_beyond_the_threshold_a_photo_is_foreign(folder):
    gate = Gate.load(folder, METADATA)
    assert [gate.foreign(distance) for distance in (-5, 2.0, 2.0001, np.inf, np.nan)] == [
        False,
        False,
        True,
        True,
        True,
    ]


def test_nearness_is_the_share_of_lesion_photos_that_are_as_far(folder):
    gate = Gate.load(folder, METADATA)
    found = [gate.nearness(distance) for distance in (-9, -1, 0, 0.5, 3, 3.1, np.nan, np.inf)]
    assert found == pytest.approx([1, 1, 2 / 3, 1 / 2, 0, 0, 0, 0])


@pytest.mark.parametrize("place", ["looks", "embedding"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_cannot_be_measured_is_refused(folder, place, value):
    gate = Gate.load(folder, METADATA)
    looks, embedding = np.ones(COUNT), np.ones(2)
    (looks if place == "looks" else embedding)[0] = value
    assert gate.foreign(gate.distance(looks, embedding))


@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        ({}, "has no gate"),
        ({"gate": "yes"}, "has no gate"),
        (changed(method=METHOD + 1), "has no gate of method"),
        (changed(threshold=None), "gate.threshold"),
        (changed(threshold=float("nan")), "gate.threshold"),
        (changed(threshold="high"), "gate.threshold"),
        (changed(quantiles=[]), "gate.quantiles"),
        (changed(quantiles=[1.0, 0.0]), "rise"),
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
        {"looks_centres": np.zeros((0, COUNT))},
        {"looks_matrix": np.eye(COUNT - 1)},
    ],
)
def test_without_its_arrays_there_is_no_gate(tmp_path, change):
    np.savez(tmp_path / FILE, **(arrays() | change))
    with pytest.raises(BundleError, match=FILE):
        Gate.load(tmp_path, METADATA)


@pytest.mark.parametrize("content", [None, b"", b"no archive", b"PK\x03\x04 cut off", b"a single array"])
def test_without_its_file_there_is_no_gate(tmp_path, content):
    if content is not None:
        (tmp_path / FILE).write_bytes(content)
    if content == b"a single array":
        with (tmp_path / FILE).open("wb") as file:
            np.save(file, MATRIX)
    with pytest.raises(BundleError, match=FILE):
        Gate.load(tmp_path, METADATA)
