import base64

import numpy as np
import pytest

from data_modelling.inference.bundle import load_bundle, write_checksums
from data_modelling.inference.details import Details
from data_modelling.inference.errors import BundleError
from data_modelling.inference.explanation.neighbours import (
    INDEX_FILE,
    NEIGHBOUR_COUNT,
    THUMBNAILS_FILE,
    NeighbourIndex,
    file_hash,
    write_index,
)
from data_modelling.inference.predictor import NEIGHBOURS, Predictor
from tests.app.conftest import photo
from tests.app.tiny_bundle import make_tiny_bundle

FILE = b"a photo that the index does not know"


def make_index(folder, angles, groups=None, hashes=None, thumbnails=None) -> NeighbourIndex:
    """An index of photos at these angles (degrees) from each other; photo k has the thumbnail `k`."""
    turned = np.radians(angles)
    count = len(angles)
    arrays = {
        "embedding": np.stack([np.cos(turned), np.sin(turned)], axis=1) * 7,
        "image_id": np.array([f"P{number}" for number in range(count)]),
        "source": np.full(count, "ISIC_2017"),
        "diagnosis": np.full(count, "NV"),
        "confirmation": np.full(count, "consensus"),
        "group": np.array(groups or range(count), np.int32),
        "file_hash": np.array(hashes or range(count), np.uint64),
        "terciles": np.array([1 - np.cos(np.radians(20)), 1 - np.cos(np.radians(40))], np.float32),
    }
    write_index(folder, arrays, thumbnails or [str(number).encode() for number in range(count)])
    index = NeighbourIndex.load(folder)
    assert index is not None
    return index


def names(index: NeighbourIndex, file: bytes = FILE) -> list[str]:
    return [neighbour["image_id"] for neighbour in index.nearest(np.array([3, 0], np.float32), file)]


def test_the_six_nearest_come_first_with_their_distance_and_thumbnail(tmp_path):
    index = make_index(tmp_path, [70, 10, 60, 30, 50, 20, 40])
    nearest = index.nearest(np.array([3, 0], np.float32), FILE)
    assert [neighbour["image_id"] for neighbour in nearest] == ["P1", "P5", "P3", "P6", "P4", "P2"]
    assert len(nearest) == NEIGHBOUR_COUNT
    expected = 1 - np.cos(np.radians([10, 20, 30, 40, 50, 60]))
    assert [neighbour["distance"] for neighbour in nearest] == pytest.approx(expected, abs=1e-3)
    assert [base64.b64decode(neighbour["thumbnail"].partition(",")[2]) for neighbour in nearest] == [
        *(b"1", b"5", b"3", b"6", b"4", b"2")
    ]
    assert [neighbour["closeness"] for neighbour in nearest][::2] == ["near", "usual", "far"]


def test_the_same_photo_saved_again_is_not_shown_and_neither_is_its_lesion(tmp_path):
    angles = [0.5, 30, 40, 50]
    assert names(make_index(tmp_path, angles, groups=[0, 1, 0, 2])) == ["P1", "P3"]


def test_a_file_that_the_index_knows_hides_its_patient_however_far_it_is(tmp_path):
    index = make_index(tmp_path, [80, 30, 40], groups=[5, 5, 6], hashes=[file_hash(FILE), 1, 2])
    assert names(index) == ["P2"]
    assert names(index, b"another file") == ["P1", "P2", "P0"]


def test_a_photo_without_a_thumbnail_is_never_shown_but_hides_its_lesion(tmp_path):
    index = make_index(tmp_path, [0, 30, 40], groups=[0, 0, 1], thumbnails=[b"", b"1", b"2"])
    assert names(index) == ["P2"]


def test_a_bundle_without_an_index_has_none_and_is_valid(tmp_path):
    folder = make_tiny_bundle(tmp_path / "tiny")
    for name in (INDEX_FILE, THUMBNAILS_FILE):
        (folder / name).unlink()
    write_checksums(folder)
    predictor = Predictor(load_bundle(folder))
    assert NEIGHBOURS not in predictor.explanations
    explanation = predictor.answer(photo(), Details(), explain=[NEIGHBOURS]).explanation
    assert explanation is not None
    assert explanation == {}


@pytest.mark.parametrize("change", ["thumbnails", "arrays", "truncated", "width"])
def test_an_index_that_is_not_whole_or_of_another_network_is_refused(tmp_path, change):
    folder = make_tiny_bundle(tmp_path / "tiny")
    if change == "thumbnails":
        (folder / THUMBNAILS_FILE).write_bytes(b"1")
    elif change == "arrays":
        (folder / INDEX_FILE).write_bytes(b"PK")
    elif change == "truncated":
        (folder / INDEX_FILE).write_bytes((folder / INDEX_FILE).read_bytes()[:-30])
    else:
        make_index(folder, [0, 10])
    write_checksums(folder)
    with pytest.raises(BundleError):
        Predictor(load_bundle(folder))


def test_an_answer_has_the_neighbours_that_were_asked_for(tmp_path):
    predictor = Predictor(load_bundle(make_tiny_bundle(tmp_path / "tiny")))
    explanation = predictor.answer(photo("red"), Details(), explain=[NEIGHBOURS]).explanation
    assert explanation is not None
    values = explanation["neighbours"]
    assert len(values) == NEIGHBOUR_COUNT
    assert values[0]["thumbnail"].startswith("data:image/jpeg;base64,/9j/")
    assert values[0]["credit"] == "Codella et al. 2018, arXiv:1710.05006, CC-0"
    distances = [value["distance"] for value in values]
    assert distances == sorted(distances)
