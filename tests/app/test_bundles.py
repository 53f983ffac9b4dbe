import logging
import shutil

import pytest

from app.bundles import Bundles
from app.http.problems import Problem
from data_modelling.inference.bundle import write_checksums
from tests.app.tiny_bundle import make_tiny_bundle


def test_valid_bundles_are_found_and_an_invalid_one_is_left_out_and_named(bundles, caplog):
    with caplog.at_level(logging.WARNING):
        loaded = Bundles(bundles, "ham10000")
    assert list(loaded.valid) == ["ham10000", "other", "third"]
    assert "bundle altered is left out" in caplog.text
    assert "metrics.json" in caplog.text


def test_default_is_open_at_start(bundles):
    loaded = Bundles(bundles, "ham10000")
    assert loaded.default_bundle
    assert loaded.predictor() is loaded.predictor("ham10000")


def test_at_most_one_other_bundle_is_kept(bundles):
    loaded = Bundles(bundles, "ham10000")
    other = loaded.predictor("other")
    assert loaded.predictor("other") is other
    assert loaded.predictor("third").bundle.name == "third"
    assert loaded.predictor("other") is not other


@pytest.mark.parametrize("name", ["nope", "altered", "../models/other", "", "."])
def test_unknown_bundle(bundles, name):
    with pytest.raises(Problem, match="bundle_unknown"):
        Bundles(bundles, "ham10000").predictor(name)


@pytest.mark.parametrize("file", ["model.onnx", "metadata.json", "SHA256SUMS"])
def test_altered_default_answers_nothing(tmp_path, caplog, file):
    folder = make_tiny_bundle(tmp_path / "ham10000")
    (folder / file).write_bytes(b"altered")
    loaded = Bundles(tmp_path, "ham10000")
    assert not loaded.default_bundle
    assert "only others can answer" in caplog.text
    with pytest.raises(Problem, match="model_unavailable") as refused:
        loaded.predictor()
    assert refused.value.status == 503


def test_bundle_altered_after_the_start_is_not_opened(tmp_path):
    for name in ("ham10000", "other"):
        make_tiny_bundle(tmp_path / name)
    loaded = Bundles(tmp_path, "ham10000")
    (tmp_path / "other" / "model.onnx").write_bytes(b"altered")
    with pytest.raises(Problem, match="model_unavailable"):
        loaded.predictor("other")
    assert loaded.predictor().bundle.name == "ham10000"


def test_bundle_replaced_after_the_start_is_not_opened(tmp_path, caplog):
    """Until the app is reloaded, its pages have the metrics of the old bundle."""
    for name in ("ham10000", "other"):
        make_tiny_bundle(tmp_path / name)
    loaded = Bundles(tmp_path, "ham10000")
    shutil.rmtree(tmp_path / "other")
    make_tiny_bundle(tmp_path / "other", task="isic2020")
    with pytest.raises(Problem, match="model_unavailable"):
        loaded.predictor("other")
    assert "bundle other has changed since the app was started; reload the app" in caplog.text
    assert Bundles(tmp_path, "ham10000").predictor("other").bundle.task == "isic2020"


def test_folder_that_does_not_exist(tmp_path):
    assert Bundles(tmp_path / "nothing", "ham10000").valid == {}


def test_health(client, bundles):
    assert client.get("/healthz").json == {"status": "ok", "bundle": "ham10000", "version": "1.0"}


def test_health_without_a_bundle(orphan):
    response = orphan.get("/healthz")
    assert (response.status_code, response.mimetype) == (503, "application/problem+json")
    assert "Retry-After" in response.headers


def test_models_are_listed(client):
    listed = client.get("/api/v1/models").json
    assert listed["default"] == "ham10000"
    assert [model["name"] for model in listed["models"]] == ["ham10000", "other", "third"]
    assert all(set(model) == {"name", "version", "task", "sha256"} for model in listed["models"])


def test_model_is_what_its_files_say(client, bundles):
    model = client.get("/api/v1/models/other").json
    assert model["metadata"]["name"] == "other"
    assert model["metrics"]["thresholds"]["cancer"]["missed"] == 164


@pytest.mark.parametrize("name", ["nope", "altered", "%2e%2e"])
def test_model_that_does_not_exist(client, name):
    response = client.get(f"/api/v1/models/{name}")
    assert (response.status_code, response.json["status"]) == (404, 404)


def test_bundle_whose_model_cannot_be_run_is_left_out(tmp_path, caplog):
    folder = make_tiny_bundle(tmp_path / "ham10000")
    (folder / "model.onnx").write_bytes(b"no model")
    write_checksums(folder)
    loaded = Bundles(tmp_path, "ham10000")
    assert not loaded.default_bundle
    assert loaded.valid == {}
    assert "bundle ham10000 cannot be used" in caplog.text
