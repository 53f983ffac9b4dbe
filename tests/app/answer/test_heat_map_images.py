import base64
from io import BytesIO

import numpy as np
from PIL import Image

from app.answer.heat_map_images import OVERLAY_EDGE, evidence_by_class, heat_map_overlays
from data_modelling.inference.explanation.heat_map import Head, make_heatmap

SKIN = np.full((16, 16, 3), 180, np.uint8)


def pictures(cells_of_a, cells_of_b):
    """Return the overlays of classes A and B with these cells, and of C without evidence."""
    head = Head(np.array([[1.0, 0, -9], [0, 1, -9]]), np.zeros(3))
    features = np.stack([cells_of_a, cells_of_b], axis=2).astype(np.float32)
    overlays = heat_map_overlays(evidence_by_class(make_heatmap(head, "ABC", features, SKIN)))
    return {code: opened(url) for code, url in overlays.items()}


def opened(url):
    kind, _, data = url.partition(",")
    assert kind == "data:image/png;base64"
    return np.asarray(Image.open(BytesIO(base64.b64decode(data))).convert("RGBA"))


def test_a_map_is_opaque_and_bright_where_its_evidence_is_and_clear_elsewhere():
    cells = np.zeros((7, 7))
    cells[0, 0] = 1
    picture = pictures(cells, np.zeros((7, 7)))["A"]
    assert picture.shape == (OVERLAY_EDGE, OVERLAY_EDGE, 4)
    assert picture[2, 2, 3] > 200
    assert picture[2, 2, :3].sum() > 400
    assert picture[-1, -1, 3] == 0


def test_all_classes_share_the_scale_of_the_strongest():
    overlays = pictures(np.full((7, 7), 10.0), np.full((7, 7), 3.0))
    assert overlays["A"][50, 50, 3] > overlays["B"][50, 50, 3]


def test_a_class_that_nothing_speaks_for_has_no_picture():
    assert set(pictures(np.ones((7, 7)), np.ones((7, 7)))) == {"A", "B"}


def test_a_photo_in_which_nothing_speaks_for_anything():
    assert pictures(np.zeros((7, 7)), np.zeros((7, 7))) == {}


def test_a_picture_is_small():
    noise = np.random.default_rng(1).random((2, 7, 7))
    head = Head(np.eye(2), np.zeros(2))
    heatmap = make_heatmap(head, "AB", noise.transpose(1, 2, 0).astype(np.float32), SKIN)
    urls = heat_map_overlays(evidence_by_class(heatmap))
    assert all(len(url) < 15_000 for url in urls.values())
