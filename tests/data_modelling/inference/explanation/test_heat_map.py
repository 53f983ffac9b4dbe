import numpy as np
import pytest

from data_modelling.inference.errors import BundleError
from data_modelling.inference.explanation.heat_map import (
    Head,
    class_evidence,
    make_heatmap,
    upsample_map,
)

# Two channels, three classes, a feature map of two by two cells.
HEAD = Head(np.array([[4.0, 0, 0], [0, 8, 0]]), np.array([1.0, 2, 3]))
FEATURES = np.array([[[1, 0], [0, 1]], [[0, 0], [2, 0]]], np.float32)
GREY = np.full((16, 16, 3), 180, np.uint8)


def test_cells_by_hand():
    maps = HEAD.parts(FEATURES)[0]
    assert maps[0].tolist() == [[1, 0], [0, 2]]
    assert maps[1].tolist() == [[0, 2], [0, 0]]
    assert not maps[2].any()


def test_cells_and_bias_sum_to_the_photos_part_of_the_logit():
    classes = make_heatmap(HEAD, "ABC", FEATURES, GREY)["classes"]
    pooled = FEATURES.mean(axis=(0, 1)) @ HEAD.kernel + HEAD.bias
    assert [
        sum(map(sum, class_map["cells"])) + class_map["bias"] for class_map in classes.values()
    ] == pytest.approx(pooled)
    assert HEAD.photo_part(FEATURES) == pytest.approx(pooled)


def test_evidence_is_what_speaks_for_a_class_more_than_for_the_average_one():
    assert class_evidence(np.array([[[3.0]], [[0]], [[0]]])).ravel().tolist() == [2, 0, 0]
    # The same added to every class changes no probability, and no evidence.
    assert class_evidence(np.array([[[13.0]], [[10]], [[10]]])).ravel().tolist() == [2, 0, 0]


def test_share_of_the_centre_and_of_the_darker_area():
    features = np.zeros((8, 8, 2), np.float32)
    features[3:5, 3:5, 0] = 1
    photo = GREY.copy()
    photo[:, :8] = 60
    heatmap = make_heatmap(HEAD, "ABC", features, photo)
    assert heatmap["classes"]["A"]["centre"] == 1
    assert heatmap["classes"]["A"]["darker"] == pytest.approx(0.5)
    assert heatmap["darker_area"] == 0.5
    assert (heatmap["classes"]["C"]["centre"], heatmap["classes"]["C"]["darker"]) == (
        None,
        None,
    )  # nothing speaks for it


def test_a_photo_of_one_colour_has_no_darker_area():
    heatmap = make_heatmap(HEAD, "ABC", FEATURES, GREY)
    assert heatmap["darker_area"] == 0
    assert heatmap["classes"]["A"]["centre"] is not None
    assert heatmap["classes"]["A"]["darker"] is None


def test_enlarged_keeps_the_place_of_the_cells():
    large = upsample_map(np.array([[1.0, 0], [0, 0]]), 8)
    assert large[0, 0] == 1
    assert large[-1, -1] == 0
    assert (np.diff(large[0]) <= 0).all()


def test_a_bundle_without_a_head_has_none():
    assert Head.from_metadata({}, 3) is None


@pytest.mark.parametrize(
    "head",
    [
        None,
        {},
        {"kernel": [[1, 2]], "bias": [1, 2, 3]},
        {"kernel": [[1, 2, 3]], "bias": [1]},
        {"kernel": [[1, 2, 3], [4]], "bias": [1, 2, 3]},
        {"kernel": "text", "bias": [1, 2, 3]},
        {"kernel": [1, 2, 3], "bias": [1, 2, 3]},
    ],
)
def test_a_head_of_another_shape(head):
    with pytest.raises(BundleError, match=r"^metadata.json: head .*restore the bundle\.$"):
        Head.from_metadata({"head": head}, 3)
