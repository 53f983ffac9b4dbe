"""The page shows the numbers of the API: exactly in data-value, and in words after its rounding."""

import os
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app import create_app
from app.settings import Settings
from app.wording import STATUSES, digits_beside, percent
from data_modelling.datasets import ham10000
from data_modelling.datasets.roots import find_root
from data_modelling.datasets.splits import TEST, read_split
from tests.app.conftest import encoded, form
from tests.app.parsed import Page
from tools.serving import ROOT

PHOTOS = 50
SITES = ("", "scalp", "back", "lower extremity", "hand")


def noise(seed: int) -> bytes:
    """A photo of few large coloured patches, unlike any other."""
    patches = np.random.default_rng(seed).integers(0, 256, (3, 4, 3), np.uint8)
    file = BytesIO()
    Image.fromarray(patches).resize((80, 60)).save(file, "PNG")
    return file.getvalue()


def fields(index: int) -> dict[str, str]:
    """Every mix of known and unknown details."""
    return {
        "age": str(index) if index % 3 else "",
        "sex": ("", "female", "male")[index % 3],
        "site": SITES[index % len(SITES)],
        "dermatoscope": ("", "yes", "no")[index // 3 % 3],
    }


def assert_same_numbers(client, data, given):
    answer = client.post(
        "/api/v1/predictions", **encoded(form(data, **given, explain="heatmap,details"))
    ).json
    page = Page(client.post("/", **encoded(form(data, **given))).text)
    expected = {
        **answer["probabilities"],
        "cancer": answer["cancer"]["probability"],
        "threshold": answer["cancer"]["threshold"],
    }
    effect = answer["explanation"]["details"]
    if effect["given"]:
        for name, change in {**effect["classes"], "cancer": effect["cancer"]}.items():
            expected |= {f"with-{name}": change["with"], f"without-{name}": change["without"]}
    assert page.values == expected
    beside = {*answer["probabilities"], "cancer", "threshold"}  # the thresholds
    digits = digits_of(client, answer)
    assert page.texts == {
        name: percent(value, digits if name in beside else 0) for name, value in expected.items()
    }
    assert page.ids["status"][1]["data-status"] == answer["status"]
    assert page.ids["status"][1]["data-reasons"] == ";".join(answer["reasons"])
    assert page.title.startswith(STATUSES[answer["status"]])
    for code, one in answer["explanation"]["heatmap"]["classes"].items():
        assert page.maps[code]["data-centre"] == str(one["centre"])
        assert page.maps[code]["data-darker"] == str(one["darker"])


def digits_of(client, answer) -> int:
    """The decimals that the two thresholds ask for."""
    thresholds = client.get("/api/v1/models/ham10000").json["metadata"]["thresholds"]
    melanoma = digits_beside(thresholds["melanoma"], answer["probabilities"]["MEL"])
    return max(melanoma, digits_beside(thresholds["cancer"], answer["cancer"]["probability"]))


@pytest.mark.parametrize("index", range(PHOTOS))
def test_page_and_api_show_the_same_numbers(client, index):
    assert_same_numbers(client, noise(index), fields(index))


@pytest.fixture(scope="module")
def real_client():
    """The app with the bundle that is served."""
    folder = Path(os.environ.get("BUNDLES") or Settings.bundles)
    return create_app(Settings(bundles=folder, rate_limit="off")).test_client()


def test_page_and_api_show_the_same_numbers_of_real_photos(real_client, data_root):
    root = find_root(data_root, ham10000.FOLDER, *ham10000.METADATA)
    parts = dict(read_split(ROOT / "DATA" / "splits" / "ham10000.csv")[["image_id", "part"]].to_numpy())
    photos = [path for path in sorted(root.rglob("ISIC_*.jpg")) if parts[path.stem] != TEST]
    photos = photos[:: len(photos) // PHOTOS][:PHOTOS]
    assert len(photos) == PHOTOS
    answered = [
        assert_same(real_client, path.read_bytes(), fields(index)) for index, path in enumerate(photos)
    ]
    assert sum(answered) > 0.8 * PHOTOS  # few lesions are refused


def assert_same(client, data, given) -> bool:
    """Page and API answer alike, or refuse the photo for the same reason; whether they answered."""
    refusal = client.post("/api/v1/predictions", **encoded(form(data, **given)))
    if refusal.status_code == 200:
        assert_same_numbers(client, data, given)
        return True
    page = client.post("/", **encoded(form(data, **given)))
    assert (refusal.status_code, page.status_code) == (422, 422)
    assert all(f'data-code="{error["code"]}"' in page.text for error in refusal.json["errors"])
    return False
