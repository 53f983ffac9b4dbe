"""Test that page, API and predict give the same answer for good and bad real photos, with the committed bundle."""

from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, ImageEnhance, ImageFilter

from app import create_app
from app.settings import Settings
from data_modelling.inference.bundle import load_bundle
from data_modelling.inference.checks import photo_checks
from data_modelling.inference.checks.photo_checks import load_origin_detector
from data_modelling.inference.photo.dicom import header_details
from data_modelling.inference.predictor import Predictor
from tests.app.conftest import encoded, form
from tests.app.html_page import Page
from tests.app.predict_answers import answered
from tests.conftest import PROJECT

MODELS = PROJECT / "DATA" / "models"
HAM, PHONES = "HAM10000/HAM10000_images_part_1_and_2", "PAD_UFES_20"


def as_jpeg(photo: Image.Image) -> bytes:
    file = BytesIO()
    photo.save(file, "JPEG", quality=92)
    return file.getvalue()


def good_and_bad(root: Path) -> dict[str, bytes]:
    """Return by name: lesion photos, unchanged and degraded, phone photos, and a drawing."""
    lesions = sorted((root / HAM).glob("*.jpg"))[::900]
    photos_by_name = {path.stem: path.read_bytes() for path in lesions}
    photo = Image.open(lesions[0]).convert("RGB")
    photos_by_name |= {
        "blurred": as_jpeg(photo.filter(ImageFilter.GaussianBlur(24))),
        "dark": as_jpeg(ImageEnhance.Brightness(photo).enhance(0.15)),
        "blank": as_jpeg(Image.new("RGB", (256, 256), "#caa090")),
        "board": as_jpeg(Image.effect_noise((256, 256), 90).convert("RGB")),
    }
    phones = sorted(path for path in (root / PHONES).rglob("*") if path.suffix in {".png", ".jpg"})[::120]
    return photos_by_name | {path.stem: path.read_bytes() for path in phones}


def test_page_api_and_csv_say_the_same(data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(photo_checks, "load_origin_detector", load_origin_detector)
    client = create_app(Settings(bundles=MODELS, rate_limit="off")).test_client()
    photos = good_and_bad(data_root)
    rows = answered(MODELS / "ham10000", photos, tmp_path, "jpg")
    for name, data in photos.items():
        row = rows[name]
        page = client.post("/", **encoded(form(data, dermatoscope="yes")))
        answer = client.post("/api/v1/predictions", **encoded(form(data, dermatoscope="yes")))
        if row["status"] == "refused":
            assert (page.status_code, answer.status_code) == (422, 422)
            assert ";".join(error["code"] for error in answer.json["errors"]) == row["reasons"]
            assert Page(page.text).values == {}
        else:
            assert (page.status_code, answer.status_code) == (200, 200)
            assert (answer.json["status"], ";".join(answer.json["reasons"])) == (
                row["status"],
                row["reasons"],
            )
            assert Page(page.text).ids["status"][1]["data-status"] == row["status"]
    assert {rows[name]["status"] for name in ("dark", "blank", "board")} == {"refused"}
    assert (rows["blurred"]["status"], rows["blurred"]["reasons"]) == (
        "uncertain",
        "blurred",
    )  # never the all-clear
    lesions = [row["status"] != "refused" for name, row in rows.items() if name.startswith("ISIC_")]
    assert sum(lesions) > 0.8 * len(lesions)
    of_phones = [row for name, row in rows.items() if name not in {"blurred", "dark", "blank", "board"}]
    assert not [
        row for row in of_phones if "phone_photo" in row["reasons"] and row["status"] == "no_cancer_class"
    ]


def test_a_dicom_file_has_the_answer_of_its_pixels_saved_as_png(data_root: Path):
    predictor = Predictor(load_bundle(MODELS / "ham10000"))
    for path in sorted((data_root / "ISIC_2020" / "dicom").glob("*.dcm")):
        data = path.read_bytes()
        file = BytesIO()
        Image.open(BytesIO(data[data.index(b"\xff\xd8\xff") :])).save(file, "PNG", compress_level=1)
        answer, expected = (
            predictor.answer(content, header_details(data)) for content in (data, file.getvalue())
        )
        assert answer.probabilities == pytest.approx(expected.probabilities, abs=1e-6), path.name
        assert (answer.status, answer.reasons) == (expected.status, expected.reasons), path.name
