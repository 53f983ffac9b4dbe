import csv
import shutil
from pathlib import Path

import pytest

from app import create_app
from app.settings import Settings
from tests.app.conftest import encoded, form, photo, upload


def test_the_log_has_a_line_an_answer_and_neither_details_nor_names(bundles: Path, tmp_path: Path):
    path = tmp_path / "scores.csv"
    client = create_app(Settings(bundles=bundles, rate_limit="off", score_log=str(path))).test_client()
    first = client.post("/api/v1/predictions", **encoded(form(photo("red"), age="93", site="scalp")))
    client.post("/", **encoded(form(photo("lime"))))
    client.post("/", **encoded(form(b"no photo")))
    client.post("/", **encoded(form(photo("lime"), bundle="other")))
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2
    assert list(rows[0]) == ["day", "MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC", "nearness"]
    assert float(rows[0]["MEL"]) == round(first.json["probabilities"]["MEL"], 6)
    assert "93" not in path.read_text().replace(rows[0]["day"], "").split(",")
    assert "secret" not in path.read_text()


@pytest.mark.parametrize("url", ["/api/v1/predictions", "/api/v1/visits"])
def test_a_copy_of_the_default_bundle_in_another_folder_is_not_logged(
    bundles: Path, tmp_path: Path, url: str
):
    """Its metadata.json has the name of the default bundle."""
    for name in ("ham10000", "copy"):
        shutil.copytree(bundles / "ham10000", tmp_path / "models" / name)
    path = tmp_path / "scores.csv"
    settings = Settings(bundles=tmp_path / "models", rate_limit="off", score_log=str(path))
    photos = [upload(photo()) for _ in range(2 if url.endswith("visits") else 1)]
    fields = {"photo": photos, "bundle": "copy"}
    assert create_app(settings).test_client().post(url, **encoded(fields)).status_code == 200
    assert not path.exists()


def test_the_page_says_when_the_log_is_on(bundles: Path, tmp_path: Path):
    sentence = "For each answer, the app keeps the day, the probabilities and how similar the photo"
    on = create_app(Settings(bundles=bundles, rate_limit="off", score_log=str(tmp_path / "scores.csv")))
    off = create_app(Settings(bundles=bundles, rate_limit="off"))
    assert sentence in on.test_client().get("/privacy").text
    assert sentence not in off.test_client().get("/privacy").text
    off.test_client().post("/", **encoded(form()))
    assert not list(tmp_path.iterdir())


def test_a_refused_photo_has_no_line(bundles: Path, tmp_path: Path, monkeypatch):
    path = tmp_path / "scores.csv"
    app = create_app(Settings(bundles=bundles, rate_limit="off", score_log=str(path)))
    model = app.extensions["bundles"].predictor()
    monkeypatch.setattr(model, "_status", lambda *_: ("refused", ("photo_foreign",)))
    assert app.test_client().post("/api/v1/predictions", **encoded(form())).status_code == 422
    assert not path.exists()


@pytest.mark.parametrize("path", ["/", "/visit"])
def test_the_forms_say_that_nothing_is_stored_only_without_the_log(bundles: Path, tmp_path: Path, path: str):
    """The log stores the probabilities of each answer, but neither photo nor details."""
    for score_log, nothing, photo_and_details in (("off", 1, 0), (str(tmp_path / "scores.csv"), 0, 1)):
        page = create_app(Settings(bundles=bundles, score_log=score_log)).test_client().get(path).text
        assert page.count("Nothing is stored.") == nothing
        assert page.count("The photo and the details are not stored.") == photo_and_details
