from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data_modelling.rejection import parts
from data_modelling.settings import Settings, read_settings
from data_modelling.training.development import Development
from tests.conftest import PROJECT


@pytest.fixture
def settings() -> Settings:
    return read_settings(PROJECT / "data_modelling" / "configs" / "smoke.toml")


@pytest.fixture
def work(tmp_path: Path, settings: Settings) -> Path:
    for name in (*(f"fold{fold}" for fold in settings.figure_folds), "served"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "network.keras").write_bytes(b"first")
    return tmp_path


def test_a_gate_is_made_anew_for_another_network_and_for_other_photos(
    settings: Settings, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is in the folder of a stage counts only for the very networks and photos that it was made of."""
    made: list[int] = []
    monkeypatch.setattr(
        parts, "_fit_gate", lambda _settings, development, _folder: made.append(len(development.table))
    )

    def ask(*photos: str) -> int:
        table = pd.DataFrame({"image_id": photos, "part": "0"})
        parts.gate_stage(settings, Development(table, np.zeros((len(photos), 1, 1, 3), np.uint8)), work)
        return len(made)

    assert [ask("a", "b"), ask("a", "b")] == [1, 1]
    (work / "served" / "network.keras").write_bytes(b"trained anew")
    assert [ask("a", "b"), ask("a", "b")] == [2, 2]
    (work / f"fold{settings.figure_folds[0]}" / "network.keras").write_bytes(b"trained anew")
    assert [ask("a", "b"), ask("a", "b", "c"), ask("a", "b", "c")] == [3, 4, 4]
