from pathlib import Path

import pandas as pd
import pytest

from data_modelling import compare
from data_modelling.studies.ablation.table import METHOD_METRICS
from tests.conftest import PROJECT

SMOKE = PROJECT / "data_modelling" / "configs" / "smoke.toml"
SMALLEST = (
    '[recipe]\nname = "a"\nversion = "1.0.0"\ntask = "ham10000"\ndataset = "ham10000"\nsplit = "ham10000"\n'
)


def recipe(folder: Path, **changes: str) -> Path:
    """The smoke recipe with other lines."""
    text = SMOKE.read_text()
    for old, new in changes.values():
        assert old in text
        text = text.replace(old, new)
    path = folder / "other.toml"
    path.write_text(text)
    return path


def test_two_recipes_are_judged_on_the_same_photos(tmp_path: Path) -> None:
    short = recipe(tmp_path, name=('name = "smoke"', 'name = "short"'), epochs=("epochs = 6", "epochs = 1"))
    places = ["--out", str(tmp_path / "page.md"), "--runs", str(tmp_path), "--resume"]
    assert compare.main(["--configs", str(SMOKE), str(short), *places]) == 0
    found = pd.read_csv(tmp_path / "page.csv").set_index("name")
    assert found["epochs"].to_dict() == {"smoke": 6, "short": 1}
    for name in METHOD_METRICS:
        less = found[f"{name}_less"]
        assert pd.isna(less["smoke"])
        assert less["short"] == pytest.approx(found.loc["short", name] - found.loc["smoke", name], abs=2e-6)
    text = (tmp_path / "page.md").read_text()
    assert f"| the recipe short | {found.loc['short', 'macro_auc_less']:+.3f} [" in text


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


@pytest.mark.parametrize("out", ["", "pages"])
def test_a_folder_instead_of_a_page_is_refused_before_any_training(
    out: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("pages").mkdir()
    # Without data, no training can begin, even if the folder is not refused.
    assert compare.main(["--story", "--data-root", "pages", "--out", out, "--runs", "runs"]) == 2
    assert capsys.readouterr().err == (
        f"--out must name a page, such as page.md, and {out or '.'} is a folder.\n"
    )
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            'recipe = "smoke.toml"\n[[change]]\nname = "a"',
            "it must have [recipe] and at least one [[change]]",
        ),
        ('[recipe]\nname = "a"\n[change]\nname = "a"', "it must have [recipe] and at least one [[change]]"),
        ('change = 3\n[recipe]\nname = "a"', "it must have [recipe] and at least one [[change]]"),
        (
            '[[change]]\nname = "a"\ntold = "b"\nsettings = 1\n',
            "a change has name, told and settings (table)",
        ),
    ],
)
def test_changes_of_a_wrong_type_are_one_sentence(
    text: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "changes.toml"
    path.write_text(text if "recipe" in text else text + SMALLEST)
    assert compare.main(["--ablations", str(path), "--out", str(tmp_path / "page.md")]) == 2
    assert capsys.readouterr().err.startswith(f"{path}: {told}")
