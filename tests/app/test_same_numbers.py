"""Test that the page shows the numbers of the API: exact in data-value, rounded in the text."""

import os
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app import create_app
from app.answer.wording import TEXTS, digits_beside, format_percent
from app.settings import Settings
from data_modelling.datasets import ham10000
from data_modelling.datasets.data_location import find_dataset_folder
from data_modelling.datasets.splits.assignment import TEST, read_split
from tests.app.conftest import encoded, form
from tests.app.html_page import Page
from tools.serving import ROOT

PHOTOS = 50
SITES = ("", "scalp", "back", "lower extremity", "hand")


def noise(seed: int) -> bytes:
    """Return a unique photo of few large coloured patches."""
    patches = np.random.default_rng(seed).integers(0, 256, (3, 4, 3), np.uint8)
    file = BytesIO()
    Image.fromarray(patches).resize((80, 60)).save(file, "PNG")
    return file.getvalue()


def fields(index: int) -> dict[str, str]:
    """Return one of all mixes of known and unknown details; every second photo has a frame."""
    frame = {"crop_x": "0.1", "crop_y": "0.2", "crop_size": "0.7"} if index % 2 else {}
    return {
        **frame,
        "changing": ("", "no", "yes")[index // 9 % 3],
        "age": str(index) if index % 3 else "",
        "sex": ("", "female", "male")[index % 3],
        "site": SITES[index % len(SITES)],
        "dermatoscope": ("", "yes", "no")[index // 3 % 3],
    }


def assert_same_numbers(client, data, details):
    answer = client.post(
        "/api/v1/predictions", **encoded(form(data, **details, explain="heatmap,details"))
    ).json
    page = Page(client.post("/", **encoded(form(data, **details))).text)
    expected = {
        **answer["probabilities"],
        "cancer": answer["cancer"]["probability"],
        "melanoma": answer["probabilities"]["MEL"],
        "threshold": answer["cancer"]["threshold"],
    }
    effect = answer["explanation"]["details"]
    if effect["given"]:
        for name, change in {**effect["classes"], "cancer": effect["cancer"]}.items():
            if f"with-{name}" in page.values:  # only classes that changed are shown
                expected |= {f"with-{name}": change["with"], f"without-{name}": change["without"]}
            else:
                assert name == "cancer" or abs(change["with"] - change["without"]) < 0.01
    assert page.values == expected
    beside = {*answer["probabilities"], "cancer", "melanoma", "threshold"}  # the thresholds
    digits = digits_of(client, answer)
    assert page.texts == {
        name: format_percent(value, digits if name in beside else 0) for name, value in expected.items()
    }
    assert page.ids["status"][1]["data-status"] == answer["status"]
    assert page.ids["status"][1]["data-reasons"] == ";".join(answer["reasons"])
    assert page.title.startswith(TEXTS["statuses"][answer["status"]])
    for code, class_map in answer["explanation"]["heatmap"]["classes"].items():
        assert page.maps[code]["data-centre"] == str(class_map["centre"])
        assert page.maps[code]["data-darker"] == str(class_map["darker"])


def digits_of(client, answer) -> int:
    """Return the decimals that the two thresholds need."""
    thresholds = client.get("/api/v1/models/ham10000").json["metadata"]["thresholds"]
    melanoma = digits_beside(thresholds["melanoma"], answer["probabilities"]["MEL"])
    return max(melanoma, digits_beside(thresholds["cancer"], answer["cancer"]["probability"]))


@pytest.mark.parametrize("index", range(PHOTOS))
def test_page_and_api_show_the_same_numbers(client, index):
    assert_same_numbers(client, noise(index), fields(index))


@pytest.fixture(scope="module")
def real_client():
    """Return the app with the served bundle."""
    folder = Path(os.environ.get("BUNDLES") or Settings.bundles)
    return create_app(Settings(bundles=folder, rate_limit="off")).test_client()


def test_page_and_api_show_the_same_numbers_of_real_photos(real_client, data_root):
    root = find_dataset_folder(data_root, ham10000.FOLDER, *ham10000.METADATA)
    parts = dict(read_split(ROOT / "DATA" / "splits" / "ham10000.csv")[["image_id", "part"]].to_numpy())
    photos = [path for path in sorted(root.rglob("ISIC_*.jpg")) if parts[path.stem] != TEST]
    photos = photos[:: len(photos) // PHOTOS][:PHOTOS]
    assert len(photos) == PHOTOS
    answered = [
        assert_same(real_client, path.read_bytes(), fields(index)) for index, path in enumerate(photos)
    ]
    assert sum(answered) > 0.8 * PHOTOS  # few lesions are refused


def assert_same(client, data, details) -> bool:
    """Check that page and API give the same answer or refusal. Return whether they answered."""
    refusal = client.post("/api/v1/predictions", **encoded(form(data, **details)))
    if refusal.status_code == 200:
        assert_same_numbers(client, data, details)
        return True
    page = client.post("/", **encoded(form(data, **details)))
    assert (refusal.status_code, page.status_code) == (422, 422)
    assert all(f'data-code="{error["code"]}"' in page.text for error in refusal.json["errors"])
    return False
