import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from data_modelling import compare
from data_modelling.evaluation.contest import FIGURES, page
from data_modelling.training import road
from tests.conftest import PROJECT

SMOKE = PROJECT / "data_modelling" / "configs" / "smoke.toml"


def recipe(folder: Path, **changes: str) -> Path:
    """The smoke recipe with other lines."""
    text = SMOKE.read_text()
    for old, new in changes.values():
        assert old in text
        text = text.replace(old, new)
    path = folder / "other.toml"
    path.write_text(text)
    return path


@pytest.fixture(scope="module")
def compared(smoke_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the smoke run and of one that stops after an epoch; the smoke run's stages are there already."""
    folder = tmp_path_factory.mktemp("compared")
    shutil.copytree(road.work_folder(smoke_run), folder / "smoke.work")
    short = recipe(folder, name=('name = "smoke"', 'name = "short"'), epochs=("epochs = 6", "epochs = 1"))
    places = ["--out", str(folder / "page.md"), "--runs", str(folder), "--resume"]
    assert compare.main(["--configs", str(SMOKE), str(short), *places]) == 0
    return folder / "page.md"


def rows(compared: Path) -> pd.DataFrame:
    return pd.read_csv(compared.with_suffix(".csv"), dtype={"folds": str}).set_index("name")


def test_the_first_recipes_figures_are_those_of_its_bundle(compared: Path, smoke_run: Path) -> None:
    found = rows(compared).loc["smoke"]
    metrics = json.loads((smoke_run / "metrics.json").read_text())["out_of_fold"]
    photo = metrics["photo"]
    melanoma = photo["classes"]["MEL"]
    expected = {
        "macro_auc": (photo["macro_auc"], *photo["intervals"]["macro_auc"]),
        "balanced_accuracy": (photo["balanced_accuracy"], *photo["intervals"]["balanced_accuracy"]),
        "melanoma_auc": (melanoma["auc"], *melanoma["auc_interval"]),
    }
    for name, values in expected.items():
        assert found[[name, f"{name}_low", f"{name}_high"]].tolist() == pytest.approx(values, abs=1e-5)
    assert found[["photos", "groups"]].tolist() == [metrics["photos"], metrics["groups"]]
    assert found["parameters"] == json.loads((smoke_run / "metadata.json").read_text())["parameters"]


def test_differences_are_those_of_the_figures_and_what_sets_apart_is_named(compared: Path) -> None:
    found = rows(compared)
    for name in FIGURES:
        less = found[f"{name}_less_first"]
        assert pd.isna(less["smoke"])
        assert less["short"] == pytest.approx(found.loc["short", name] - found.loc["smoke", name], abs=2e-6)
        assert (
            found.loc["short", f"{name}_less_first_low"]
            <= less["short"]
            <= found.loc["short", f"{name}_less_first_high"]
        )
    assert found["set_apart_by"].to_dict() == {"smoke": "training.epochs 6", "short": "training.epochs 1"}
    assert found["epochs"].tolist() == [6, 1]
    assert found.loc["smoke", "operations"] == found.loc["short", "operations"]


def test_the_page_is_made_of_the_csv(compared: Path) -> None:
    text = compared.read_text()
    assert text == page(rows(compared).reset_index(), "page.csv")
    short = rows(compared).loc["short"]
    assert f"| less smoke | {' | '.join(FIGURES.values())} |" in text
    assert f"| short | {short['macro_auc_less_first']:+.3f} [" in text


def test_the_committed_comparison_of_networks_is_made_of_its_csv() -> None:
    table = pd.read_csv(PROJECT / "docs" / "networks.csv", dtype={"folds": str})
    assert (PROJECT / "docs" / "networks.md").read_text() == page(table, "networks.csv")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"name": ('name = "smoke"', 'name = "smoke"')}, "different names"),
        (
            {"name": ('name = "smoke"', 'name = "other"\nseed = 9')},
            "seed must be the same in all, not 1 and 9",
        ),
        (
            {
                "name": ('name = "smoke"', 'name = "other"'),
                "split": ('split = "smoke"', 'split = "isic2019"'),
            },
            "split must be the same in all, not isic2019 and smoke",
        ),
    ],
)
def test_recipes_that_cannot_be_compared_are_refused_before_any_training(
    changes: dict[str, tuple[str, str]], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = recipe(tmp_path, **changes)
    places = ["--out", str(tmp_path / "page.md"), "--runs", str(tmp_path / "runs")]
    assert compare.main(["--configs", str(SMOKE), str(other), *places]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()
