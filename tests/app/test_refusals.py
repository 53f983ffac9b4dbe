"""A photo that cannot be used is refused alike by page, API and predict; see also tests of the predictor."""

import json
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from app import create_app, refusals
from app.settings import Settings
from app.wording import ADVICE, CAUTIONS, DOUBTS, REASONS, REFUSALS
from data_modelling.inference import checks, predictor, rarity, sets, unknown
from data_modelling.inference.bundle import write_sums
from data_modelling.inference.quality import CHECKS, HINTS
from data_modelling.inference.reasons import MEANINGS
from tests.app.answers import answered
from tests.app.conftest import encoded, form, photo
from tests.app.parsed import Page
from tests.app.tiny_bundle import GATE, NEVER_REFUSED, make_tiny_bundle

REFUSED = {check.refusal for check in CHECKS if check.refusal} | {checks.PHOTO_FOREIGN}


@pytest.fixture
def strict(tmp_path: Path) -> Path:
    """Bundles of which the default one refuses what is blank or dark, warns of colour, and is often unsure."""
    folder = make_tiny_bundle(tmp_path / "models" / "ham10000")
    metadata = json.loads((folder / "metadata.json").read_text())
    metadata["quality"] = NEVER_REFUSED | {
        "contrast": {"refuse": 3.0, "warn": None},
        "light": {"refuse": 60.0, "warn": 120.0},
        "ink": {"refuse": None, "warn": 0.01},
    }
    metadata["gate"] = GATE.metadata | {"threshold": 1e9}
    metadata["operating_point"]["wide"]["classes"] = 3
    (folder / "metadata.json").write_text(json.dumps(metadata))
    write_sums(folder)
    return folder.parent


def two_colours(left: str, right: str) -> bytes:
    image = Image.new("RGB", (60, 40), left)
    image.paste(right, (25, 0, 60, 40))
    file = BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


PHOTOS = {
    "blank": photo("white", kind="PNG"),
    "dark": two_colours("#300000", "#303030"),
    "red": two_colours("red", "#ff6060"),
    "green": two_colours("#20d020", "#10ff10"),
    "grey": two_colours("#707070", "#a0a0a0"),
    "blue": two_colours("#3030ff", "#80a080"),
    "dim": two_colours("#008000", "#00a000"),
}


def test_page_api_and_csv_say_the_same_of_every_photo(strict: Path, tmp_path: Path):
    client = create_app(Settings(bundles=strict, rate_limit="off")).test_client()
    rows = answered(strict / "ham10000", PHOTOS, tmp_path, "png")
    found = set()
    for name, data in PHOTOS.items():
        page = client.post("/", **encoded(form(data)))
        answer = client.post("/api/v1/predictions", **encoded(form(data)))
        reasons = tuple(filter(None, rows[name]["reasons"].split(";")))
        found |= {rows[name]["status"], *reasons}
        if rows[name]["status"] == "refused":
            assert (page.status_code, answer.status_code) == (422, 422)
            assert answer.mimetype == "application/problem+json"
            assert [(e["field"], e["code"]) for e in answer.json["errors"]] == [("photo", r) for r in reasons]
            assert "probabilities" not in answer.json
            assert "Not usable as a lesion photo" in page.text
            for code in reasons:
                assert f"Failed check: {REFUSALS[code]}." in page.text
                assert refusals.message(code) in page.text
            continue
        assert (page.status_code, answer.status_code) == (200, 200)
        assert (answer.json["status"], tuple(answer.json["reasons"])) == (rows[name]["status"], reasons)
        for level in ("90", "95"):
            held = answer.json["prediction_sets"][level]["classes"]
            assert ";".join(held) == rows[name][f"set{level}"]
        assert float(rows[name]["nearness"]) == answer.json["nearness"]
        assert Page(page.text).ids["status"][1]["data-status"] == rows[name]["status"]
        for code in reasons:
            assert (REASONS | CAUTIONS | {c: " ".join(HINTS[c]) for c in DOUBTS})[code] in page.text
    # The photos reach every status, and refusals and reasons of every kind that pixels alone can.
    assert found >= {"refused", "higher_concern", "uncertain", "no_cancer_class"}
    assert found >= {"photo_blank", "photo_dark", "dark", "ink", "wide_set", "cancer_threshold"}


def test_every_refusal_has_its_words():
    assert set(REFUSALS) >= REFUSED
    assert set(ADVICE) == set(REFUSALS)
    assert all(refusals.message(code).count(".") >= 2 for code in REFUSED)


def test_every_reason_has_its_words():
    codes = {check.warning for check in CHECKS if check.warning}
    codes |= {
        checks.PHONE_PHOTO,
        checks.UNLIKE_TRAINING,
        sets.WIDE_SET,
        unknown.NONE_OF_CLASSES,
        rarity.AGE_RARE,
        rarity.SITE_RARE,
    }
    codes |= {predictor.CANCER_THRESHOLD, predictor.MELANOMA_THRESHOLD}
    assert set(MEANINGS) == codes
    assert set(REASONS) | set(CAUTIONS) | set(DOUBTS) == codes
