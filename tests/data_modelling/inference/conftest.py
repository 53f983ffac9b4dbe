"""Bundles of a few kB whose answers can be worked out by hand."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data_modelling.inference.bundle import write_checksums
from data_modelling.inference.checks import photo_checks
from tests.app.tiny_bundle import make_tiny_bundle, without_origin

MakeBundle = Callable[..., Path]


@pytest.fixture(autouse=True)
def _colours_have_no_origin(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' photos of one colour are neither phone photos nor unlike anything."""
    monkeypatch.setattr(photo_checks, "load_origin_detector", without_origin)


@pytest.fixture
def make_bundle(tmp_path: Path) -> MakeBundle:
    """Writes a valid bundle, with changes to its metadata: None takes a key away."""

    def make(**changes: Any) -> Path:
        folder = make_tiny_bundle(tmp_path / "tiny")
        metadata = json.loads((folder / "metadata.json").read_text()) | changes
        kept = {key: value for key, value in metadata.items() if value is not None}
        (folder / "metadata.json").write_text(json.dumps(kept))
        write_checksums(folder)
        return folder

    return make
