"""Fixtures: the app with a tiny bundle, and generated photos."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.test import encode_multipart

from app import create_app
from app.settings import Settings
from data_modelling.inference.bundle import write_checksums
from data_modelling.inference.checks import photo_checks
from tests.app.tiny_bundle import make_tiny_bundle, without_origin


@pytest.fixture(scope="session", autouse=True)
def _colours_have_no_origin() -> Iterator[None]:
    """Make the detector of origins find nothing in the tests' photos of one colour."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(photo_checks, "load_origin_detector", without_origin)
        yield


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with three valid bundles and one that was altered."""
    folder = tmp_path_factory.mktemp("models")
    for name in ("ham10000", "other", "third"):
        make_tiny_bundle(folder / name)
    altered = make_tiny_bundle(folder / "altered")
    (altered / "metrics.json").write_text("{}")
    return folder


@pytest.fixture(scope="session")
def app(bundles: Path) -> Flask:
    return create_app(Settings(bundles=bundles, rate_limit="off"))


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def changed(bundles: Path, tmp_path: Path) -> Callable[..., FlaskClient]:
    """Return a function that makes an app whose bundle has other values in metadata.json and metrics.json."""

    def make(metadata: dict[str, Any] | None = None, metrics: dict[str, Any] | None = None) -> FlaskClient:
        folder = Path(shutil.copytree(bundles / "ham10000", tmp_path / "changed" / "ham10000"))
        for name, values in (("metadata.json", metadata), ("metrics.json", metrics)):
            content = json.loads((folder / name).read_text())
            (folder / name).write_text(json.dumps(content | (values or {})))
        write_checksums(folder)
        return create_app(Settings(bundles=folder.parent, rate_limit="off")).test_client()

    return make


@pytest.fixture
def phones(bundles: Path, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """Return an app that takes every photo for a phone photo."""
    detector = replace(without_origin(), phone_threshold=0.0)
    monkeypatch.setattr(photo_checks, "load_origin_detector", lambda: detector)
    return create_app(Settings(bundles=bundles, rate_limit="off")).test_client()


@pytest.fixture
def orphan(tmp_path: Path) -> FlaskClient:
    """Return an app without any bundle."""
    return create_app(Settings(bundles=tmp_path, rate_limit="off")).test_client()


def photo(colour: str = "red", size: tuple[int, int] = (40, 30), kind: str = "JPEG") -> bytes:
    """Return a photo of one colour; for the tiny bundle red is melanoma and green a nevus."""
    file = BytesIO()
    Image.new("RGB", size, colour).save(file, kind)
    return file.getvalue()


def upload(data: bytes, name: str = "IMG_secret.jpg") -> FileStorage:
    return FileStorage(BytesIO(data), filename=name, name="photo")


def form(data: bytes | None = None, **fields: Any) -> dict[str, Any]:
    """Return what a browser posts: a photo (by default a red one) and text fields."""
    return {"photo": upload(photo() if data is None else data), **fields}


def encoded(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a post of a multipart form; werkzeug's client would write a large one to disk."""
    boundary, body = encode_multipart(MultiDict(fields))
    return {"data": body, "content_type": f"multipart/form-data; boundary={boundary}"}


@pytest.fixture
def post(client: FlaskClient) -> Callable[..., Any]:
    """Return a function that posts a form to the API."""
    return lambda fields, **options: client.post("/api/v1/predictions", **encoded(fields), **options)
