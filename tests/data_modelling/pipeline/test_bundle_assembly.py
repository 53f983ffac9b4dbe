import json
from pathlib import Path

import pytest
from msgspec import structs

from data_modelling.pipeline.bundle_assembly import pretraining_sources
from data_modelling.settings import Settings, read_settings
from tests.conftest import PROJECT


@pytest.fixture
def settings() -> Settings:
    return read_settings(PROJECT / "data_modelling" / "configs" / "smoke.toml")


def test_what_the_first_weights_had_learned_from_is_told(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the bundle beside the file; new weights, ImageNet's and a file alone tell nothing."""
    before = {
        "data": {"sources": ["HAM10000"]},
        "more": {"ISIC_2017": {}},
        "also_learned_from": ["ISIC_2020"],
    }
    (tmp_path / "bundle").mkdir()
    (tmp_path / "alone").mkdir()
    for folder in (tmp_path, tmp_path / "bundle"):
        (folder / "metadata.json").write_text(json.dumps(before))
    monkeypatch.chdir(tmp_path)

    def told(weights: str) -> list[str]:
        return pretraining_sources(
            structs.replace(
                settings, network=structs.replace(settings.network, name="efficientnetb0", weights=weights)
            )
        )

    assert told("bundle/model.keras") == ["HAM10000", "ISIC_2017", "ISIC_2020"]
    assert told(str(tmp_path / "bundle" / "model.keras")) == ["HAM10000", "ISIC_2017", "ISIC_2020"]
    assert told("alone/some.weights.h5") == []
    assert (told(""), told("imagenet")) == ([], [])


def test_a_bundle_of_new_weights_learned_from_nothing_else(smoke_run: Path) -> None:
    assert json.loads((smoke_run / "metadata.json").read_text())["also_learned_from"] == []
