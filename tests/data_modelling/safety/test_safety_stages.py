from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data_modelling.inference.drift.comparison import compare_with_reference, reference_quantiles
from data_modelling.metrics.calibration import CalibrationChoices
from data_modelling.safety import safety_stages
from data_modelling.settings import Settings, read_settings
from data_modelling.training.development_set import DevelopmentSet
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
        safety_stages,
        "_fit_gate",
        lambda _settings, development, _folder: made.append(len(development.table)),
    )

    def ask(*photos: str) -> int:
        table = pd.DataFrame({"image_id": photos, "part": "0"})
        safety_stages.run_gate_stage(
            settings, DevelopmentSet(table, np.zeros((len(photos), 1, 1, 3), np.uint8)), work
        )
        return len(made)

    assert [ask("a", "b"), ask("a", "b")] == [1, 1]
    (work / "served" / "network.keras").write_bytes(b"trained anew")
    assert [ask("a", "b"), ask("a", "b")] == [2, 2]
    (work / f"fold{settings.figure_folds[0]}" / "network.keras").write_bytes(b"trained anew")
    assert [ask("a", "b"), ask("a", "b", "c"), ask("a", "b", "c")] == [3, 4, 4]


def test_quality_thresholds_are_fitted_anew_for_other_photos_of_clinics_never_seen(
    settings: Settings, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted: list[int] = []
    monkeypatch.setattr(
        safety_stages, "_fit_quality", lambda *arguments: fitted.append(len(arguments[-1].table))
    )
    choices = CalibrationChoices(1.0, np.ones(2), 0.5, 0.5)

    def photos(*names: str) -> DevelopmentSet:
        table = pd.DataFrame({"image_id": names, "part": "0"})
        return DevelopmentSet(table, np.zeros((len(names), 1, 1, 3), np.uint8))

    for unseen in (["c"], ["c"], ["c", "d"]):
        safety_stages.run_quality_stage(settings, photos("a", "b"), choices, work, photos(*unseen))
    assert fitted == [1, 2]


def test_the_training_distribution_has_not_moved_from_itself() -> None:
    rng = np.random.default_rng(1)
    probability = rng.dirichlet((1, 2, 3), 500)
    unchanged = pd.DataFrame({"light": rng.normal(170, 20, 500), "lesion_area": np.nan})
    found = reference_quantiles(
        {
            "reference": safety_stages.drift_quantiles(
                probability, ["A", "B", "C"], unchanged, rng.normal(size=500)
            )
        }
    )
    assert set(found) == {"A", "B", "C", "light", "nearness"}  # of the area nothing is known
    moved = compare_with_reference(found, {"A": probability[:, 0], "light": unchanged["light"].to_numpy()})
    assert (
        max(one.distance for one in moved) <= 0.002 + 1e-9
    )  # of one photo, by the rounding of the quantiles
    assert found["light"][0] == round(unchanged["light"].min(), 6)
    assert found["light"][50] == round(np.sort(unchanged["light"])[249], 6)
