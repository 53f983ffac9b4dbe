"""Test that page, API and predict give the same refusals; the predictor has its own tests."""

import json
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from app import create_app
from app.answer.wording import CAUTIONS, REFUSALS, TEXTS, refusal_message
from app.settings import Settings
from data_modelling.inference import decision
from data_modelling.inference.bundle import write_checksums
from data_modelling.inference.checks import photo_checks, rare_details, rejection_score
from data_modelling.inference.checks.image_quality import QUALITY_CHECKS
from data_modelling.inference.details import parse_details
from data_modelling.inference.reason_codes import REASON_MEANINGS
from tests.app.conftest import encoded, form, photo
from tests.app.html_page import Page
from tests.app.predict_answers import answered
from tests.app.tiny_bundle import GATE, NEVER_REFUSED, make_tiny_bundle

REFUSED = {check.refusal for check in QUALITY_CHECKS if check.refusal} | {photo_checks.PHOTO_FOREIGN}


@pytest.fixture
def strict(tmp_path: Path) -> Path:
    """Return bundles; the default one refuses blank and dark photos, warns of colours, and is often unsure."""
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
    write_checksums(folder)
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
        page = client.post("/", **encoded(form(data, dermatoscope="yes")))
        answer = client.post("/api/v1/predictions", **encoded(form(data, dermatoscope="yes")))
        reasons = tuple(filter(None, rows[name]["reasons"].split(";")))
        found |= {rows[name]["status"], *reasons}
        if rows[name]["status"] == "refused":
            assert (page.status_code, answer.status_code) == (422, 422)
            assert answer.mimetype == "application/problem+json"
            assert [(e["field"], e["code"]) for e in answer.json["errors"]] == [("photo", r) for r in reasons]
            assert "probabilities" not in answer.json
            assert "Not usable as a lesion photo" in page.text
            for code in reasons:
                assert f'data-code="{code}"' in page.text
                assert refusal_message(code) in page.text
            continue
        assert (page.status_code, answer.status_code) == (200, 200)
        assert (answer.json["status"], tuple(answer.json["reasons"])) == (rows[name]["status"], reasons)
        for level in ("90", "95"):
            held = answer.json["prediction_sets"][level]["classes"]
            assert ";".join(held) == rows[name][f"set{level}"]
        assert float(rows[name]["nearness"]) == answer.json["nearness"]
        assert Page(page.text).ids["status"][1]["data-status"] == rows[name]["status"]
        for code in reasons:
            assert (TEXTS["reasons"] | CAUTIONS)[code] in page.text
    # The photos reach every status, and refusals and reasons of every kind that pixels alone can.
    assert found >= {"refused", "higher_concern", "uncertain", "no_cancer_class"}
    assert found >= {"photo_blank", "photo_dark", "dark", "ink", "wide_set", "cancer_threshold"}


FORMS = {
    "none": {},
    "changing": {"changing": "yes"},
    "rare": {"age": "5", "sex": "female"},
    "acral": {"site": "palms/soles", "changing": "no"},
    "usual": {"age": "50", "sex": "male", "site": "back"},
}


@pytest.mark.parametrize("dermatoscope", ["yes", "no"])
def test_page_api_and_csv_say_the_same_of_every_form(strict: Path, tmp_path: Path, dermatoscope: str):
    client = create_app(Settings(bundles=strict, rate_limit="off")).test_client()
    pairs = {
        f"{colour}-{name}": (PHOTOS[colour], FORMS[name]) for colour in ("green", "red") for name in FORMS
    }
    rows = answered(
        strict / "ham10000",
        {name: data for name, (data, _) in pairs.items()},
        tmp_path / "csv",
        "png",
        {name: parse_details(fields)[0] for name, (_, fields) in pairs.items()},
        dermatoscope == "yes",
    )
    for name, (data, fields) in pairs.items():
        page, answer = (
            client.post(place, **encoded(form(data, dermatoscope=dermatoscope, **fields)))
            for place in ("/", "/api/v1/predictions")
        )
        expected = (rows[name]["status"], rows[name]["reasons"])
        shown = Page(page.text).ids["status"][1]
        assert (answer.json["status"], ";".join(answer.json["reasons"])) == expected
        assert (shown["data-status"], shown["data-reasons"]) == expected
    statuses = {row["status"] for row in rows.values()}
    reasons = {code for row in rows.values() for code in row["reasons"].split(";")}
    assert statuses >= {"higher_concern", "uncertain"}
    assert ("no_cancer_class" in statuses) is (dermatoscope == "yes")
    assert reasons >= {"changing", "age_rare", "acral_or_mucosal"}


def test_every_refusal_has_its_words():
    assert set(REFUSALS) >= REFUSED
    assert all(refusal_message(code).count(".") >= 2 for code in REFUSED)


def test_every_reason_has_its_words():
    codes = {check.warning for check in QUALITY_CHECKS if check.warning}
    codes |= {
        photo_checks.PHONE_PHOTO,
        photo_checks.UNLIKE_TRAINING,
        decision.WIDE_SET,
        rejection_score.NONE_OF_CLASSES,
        rare_details.AGE_RARE,
        rare_details.SITE_RARE,
    }
    codes |= {decision.CANCER_THRESHOLD, decision.MELANOMA_THRESHOLD, decision.PHOTO_ALONE, *decision.VETOES}
    codes |= {decision.NOT_CLEAR, decision.FRAME_SENSITIVE, *decision.UNREAD_DETAILS.values()}
    assert set(REASON_MEANINGS) == codes
    assert set(TEXTS["reasons"]) | set(CAUTIONS) == codes
