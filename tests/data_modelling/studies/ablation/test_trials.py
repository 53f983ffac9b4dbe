import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from msgspec import structs

from data_modelling import compare
from data_modelling.datasets.formats.synthetic_lesions import write_synthetic_lesions
from data_modelling.datasets.splits.files import write_splits
from data_modelling.studies.ablation import trials
from data_modelling.studies.ablation.recipes import read_changes
from data_modelling.studies.ablation.trials import judged_rows, training_photo_filter
from data_modelling.training.development_set import DevelopmentSet
from tests.conftest import PROJECT
from tests.data_modelling.isic_sets import write_isic2020

RECIPE = """
[recipe]
name = "small"
version = "1"
task = "ham10000"
dataset = "ham10000"
split = "ham10000"
more_photos = ["isic2020"]
network = { edge = 32, stem = 8, widths = [16, 24], blocks = [1, 1] }
training = { epochs = 1, batch = 1024, bfloat16 = false }

[[change]]
name = "alone"
told = "the set alone"
settings = { more_photos = [] }
"""
LATER = """
[[change]]
name = "mixed"
told = "mixed and made coarser"
settings = { augmentation = { mixup = 0.5, recompress = 0.5 } }
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data, splits, changes and, after one run of the command, page.md."""
    folder = tmp_path_factory.mktemp("ablation")
    write_synthetic_lesions(folder / "data", lesions=120, seed=5)
    write_isic2020(folder / "data")
    (folder / "splits").mkdir()
    write_splits(folder / "data", folder / "splits")
    (folder / "changes.toml").write_text(RECIPE)
    assert run(folder) == 0
    return folder


def run(folder: Path, *more: str) -> int:
    places = {"--data-root": "data", "--splits": "splits", "--out": "page.md", "--runs": "runs"}
    options = [text for option, name in places.items() for text in (option, str(folder / name))]
    return compare.main(["--ablations", str(folder / "changes.toml"), *options, *more])


def table(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "page.csv").set_index("name")


def test_all_are_asked_the_same_photos_also_of_sets_that_did_not_teach(told: Path) -> None:
    answers = {
        name: pd.read_csv(told / "runs" / f"ablation_{name}.work" / "answers.csv")
        for name in ("base", "alone")
    }
    assert answers["base"]["image_id"].tolist() == answers["alone"]["image_id"].tolist()
    assert set(answers["alone"]["source"]) == {"HAM10000", "ISIC_2020"}
    assert answers["alone"].groupby("source")["own"].unique().map(list).to_dict() == {
        "HAM10000": [True],
        "ISIC_2020": [False],
    }
    found = table(told)
    assert found["ISIC_2020_melanoma_auc"].notna().all()
    assert found["source_guessed"].between(0, 1).all()
    assert (found["cpu_minutes"] > 0).all()


def test_a_change_is_taught_only_by_the_sets_that_it_names() -> None:
    rows = pd.DataFrame({"source": ["HAM10000", "HAM10000", "ISIC_2020", "ISIC_2020"], "part": list("0101")})
    development = DevelopmentSet(rows[:2], np.zeros((4, 1, 1, 3), np.uint8), rows[2:])
    base, alone = read_changes(PROJECT / "data_modelling" / "configs" / "ablations.toml")[:3:2]
    assert training_photo_filter(base.settings, development)(rows).tolist() == [False, True, False, True]
    assert alone.name == "ham10000_alone"
    assert training_photo_filter(alone.settings, development)(rows).tolist() == [False, True, False, False]


def test_a_change_with_isic2019_also_learns_from_its_photos_of_barcelona_and_of_other_sets() -> None:
    sources = ["HAM10000", "BCN_20000", "ISIC_MSK_UDA", "PAD_UFES_20"]
    rows = pd.DataFrame({"source": sources, "part": "1"})
    development = DevelopmentSet(rows[:1], np.zeros((4, 1, 1, 3), np.uint8), rows[1:])
    base = read_changes(PROJECT / "data_modelling" / "configs" / "ablations.toml")[0].settings
    settings = structs.replace(base, more_photos=("isic2019",))
    assert training_photo_filter(settings, development)(rows).tolist() == [True, True, True, False]


def test_a_change_at_a_clinic_neither_learns_from_it_nor_from_mixed_sources() -> None:
    rows = pd.DataFrame(
        {
            "source": ["HAM10000", "BCN_20000", "PAD_UFES_20", "ISIC_2020", "BCN_20000"],
            "diagnosis": ["MEL", "SCC", "BCC", "NV", "unknown"],
        }
    )
    development = DevelopmentSet(rows, np.zeros((5, 1, 1, 3), np.uint8))
    path = PROJECT / "data_modelling" / "configs" / "ablations_without_bcn.toml"
    settings = read_changes(path)[0].settings
    assert training_photo_filter(settings, development)(rows).tolist() == [True, False, True, False, False]
    assert judged_rows(settings, rows).tolist() == [False, True, False, False, False]


def test_with_resume_only_a_new_change_is_trained(
    told: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(told, tmp_path / "again"))
    for run_folder in ("data", "splits"):  # photos are known by their paths
        shutil.rmtree(folder / run_folder)
        (folder / run_folder).symlink_to(told / run_folder)
    before = table(folder)
    (folder / "changes.toml").write_text(RECIPE + LATER)
    fitted = []
    fit = trials.load_or_fit_network

    def noted(run, name, selector, title):
        fitted.append((title, (run.work / name / "network.keras").exists()))
        return fit(run, name, selector, title)

    monkeypatch.setattr(trials, "load_or_fit_network", noted)
    assert run(folder) == 2
    assert "add --resume" in capsys.readouterr().err
    assert run(folder, "--resume") == 0
    assert fitted == [("mixed", False)]
    after = table(folder)
    pd.testing.assert_frame_equal(after.loc[["base", "alone"]], before)
    assert "mixed and made coarser" in (folder / "page.md").read_text()
