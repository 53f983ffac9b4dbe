"""The whole story on generated lesions: stopped, gone on with, told again."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax
from sklearn.metrics import recall_score, roc_auc_score

from data_modelling import compare
from data_modelling.baseline import boosting
from data_modelling.evaluation.predictions import logits, read_predictions
from data_modelling.settings import read_settings
from data_modelling.story import telling
from data_modelling.story.page import read_story
from data_modelling.story.rows import read_matrix
from data_modelling.story.steps import STEPS
from data_modelling.story.telling import shown_prior
from data_modelling.training.development import Development
from data_modelling.training.road import Folds, Sources
from tests.conftest import PROJECT
from tests.data_modelling.story.made import CODES

SMOKE = (PROJECT / "data_modelling" / "configs" / "smoke.toml").read_text()
ANSWERS = {
    "unchanged": "balance = 0.0",
    "class_weights": "balance = 0.0\nclass_weights = 1.0",
    "sampled": "photos_a_class = 12",
    "final": "",
}


def tiny(name: str, changes: str = "") -> str:
    """The smoke recipe, an epoch of it."""
    text = SMOKE.replace('name = "smoke"', f'name = "{name}"').replace("epochs = 6", "epochs = 1", 1)
    return text.replace("blocks = [1, 1]", 'blocks = [1, 1]\nblock = "plain"') + changes + "\n"


def command(folder: Path, *options: str) -> list[str]:
    places = [f"--{name}={folder / name}" for name in ("recipes", "runs", "plots")]
    return ["--story", f"--out={folder / 'story.md'}", *places, *options]


def trained_at(folder: Path) -> dict[str, int]:
    return {
        path.parts[-3]: path.stat().st_mtime_ns for path in folder.glob("runs/*.work/fold0/network.keras")
    }


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a story that was stopped before its last step, the baseline."""
    folder = tmp_path_factory.mktemp("story")
    (folder / "recipes").mkdir()
    for name, answer in ANSWERS.items():
        (folder / "recipes" / f"story_{name}.toml").write_text(tiny(f"story_{name}", answer))
    best = tiny("best").replace('version = "0.0.1"', 'version = "0.0.1"\nfigure_folds = [1, 0]')
    (folder / "best.toml").write_text(best)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(telling, "baseline", stop)
        assert compare.main(command(folder, f"--tuned={folder / 'best.toml'}")) == 130
    assert not (folder / "story.md").exists()
    assert len(trained_at(folder)) == 5
    return folder


@pytest.fixture(scope="module")
def told(stopped: Path) -> Path:
    """The folder of the story that goes on."""
    before = trained_at(stopped)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(boosting, "ROUNDS", 5)
        assert compare.main(command(stopped, f"--tuned={stopped / 'best.toml'}", "--resume")) == 0
    assert trained_at(stopped) == before, "no network was trained again"
    return stopped


def table(told: Path) -> pd.DataFrame:
    return read_story(told / "story.csv").set_index("name")


def answers(told: Path, name: str) -> pd.DataFrame:
    return read_predictions(told / "runs" / f"story_{name}.work" / "fold0" / "predictions.csv")


def test_all_steps_are_told_and_drawn(told: Path) -> None:
    found = table(told)
    assert found.index.tolist() == [step.name for step in STEPS]
    assert {path.name for path in (told / "plots").iterdir()} >= {step.plot for step in STEPS}
    trained = found["seconds"].notna()
    assert found.index[~trained].tolist() == ["details", "both"]
    assert (found.loc[trained, "seconds"] > 0).all()
    assert found.loc["unchanged", "epochs"] == 1
    assert set(found["photos"]) == {len(answers(told, "final"))}


def test_the_first_steps_decide_for_what_the_network_was_shown(told: Path) -> None:
    """Classes as they come: the largest logit."""
    found = table(told)
    predictions = answers(told, "unchanged")
    truth = predictions["truth"].map(CODES.index)
    said = logits(predictions, "photo", "ham10000").argmax(axis=1)
    assert found.loc["unchanged", "balanced_accuracy"] == pytest.approx(
        recall_score(truth, said, average="macro"), abs=1e-6
    )
    assert read_matrix(found.loc["unchanged", "confusion"]).trace() == (truth == said).sum()


def test_the_shares_that_were_shown_are_undone_by_hand() -> None:
    """Eight photos of one class and two of another: drawn evenly each has half, weighted by 1 / count as well."""
    count = 40
    frame = pd.DataFrame(
        {
            "image_id": [f"p{number:02}" for number in range(count)],
            "group_id": [f"g{number:02}" for number in range(count)],
            "diagnosis": np.where(np.arange(count) % 5 == 0, "MEL", "NV"),
            "part": np.where(np.arange(count) < 10, "0", "1"),
        }
    )
    folds = Folds(
        Sources(None, Path("none")),
        Development(frame, np.zeros((count, 1, 1, 3), np.uint8)),
        frame,
        [],
    )
    settings = read_settings(PROJECT / "data_modelling" / "configs" / "story_unchanged.toml")
    assert shown_prior(settings, folds)[:2] == pytest.approx([1, 1])
    for changes in ({"balance": 0.0, "class_weights": 1.0}, {"photos_a_class": 100}):
        training = dataclasses.replace(settings.training, **changes)
        prior = shown_prior(dataclasses.replace(settings, training=training), folds)
        # Of the thirty that are learned from six are melanomas; a tenth of each class stops the training.
        assert prior[1] / prior[0] == pytest.approx(24 / 6, rel=0.15)


def test_auc_of_details_and_baseline_is_that_of_their_files(told: Path) -> None:
    found, predictions = table(told), answers(told, "final")
    melanoma = predictions["truth"] == "MEL"
    details = softmax(logits(predictions, "details", "ham10000"), axis=1)[:, 0]
    assert found.loc["details", "melanoma_auc"] == pytest.approx(roc_auc_score(melanoma, details), abs=1e-6)
    trees = pd.read_csv(told / "runs" / "story_baseline.work" / "answers.csv").set_index("image_id")
    score = softmax(trees.loc[predictions["image_id"], list(CODES)].to_numpy(), axis=1)[:, 0]
    assert found.loc["baseline", "melanoma_auc"] == pytest.approx(roc_auc_score(melanoma, score), abs=1e-6)


def test_told_again_it_is_the_same_to_the_byte(told: Path) -> None:
    files = [told / "story.md", told / "story.csv", *sorted((told / "plots").iterdir())]
    before, trained = [path.read_bytes() for path in files], trained_at(told)
    assert compare.main(command(told, f"--tuned={told / 'best.toml'}", "--resume")) == 0
    assert [path.read_bytes() for path in files] == before
    assert trained_at(told) == trained


def test_a_second_story_in_the_same_place_asks_for_resume(
    told: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare.main(command(told)) == 2
    assert "add --resume to go on with it" in capsys.readouterr().err


def test_without_the_tuned_recipe_the_rest_is_told_and_the_step_named(
    told: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = [f"--out={tmp_path / 'story.md'}", f"--plots={tmp_path / 'plots'}"]
    assert compare.main([*command(told, "--resume"), *elsewhere]) == 3
    assert "The step of the tuned network was left out: there is no" in capsys.readouterr().err
    assert (
        "Not told, because the recipe was not there: The tuned network."
        in (tmp_path / "story.md").read_text()
    )


def test_a_tuned_recipe_that_is_named_and_absent_is_one_sentence_before_any_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = [f"--out={tmp_path / 'story.md'}", f"--runs={tmp_path / 'runs'}"]
    assert compare.main(["--story", *places, f"--tuned={tmp_path / 'none.toml'}"]) == 2
    assert capsys.readouterr().err.startswith(f"There is no configuration {tmp_path / 'none.toml'}")
    assert not (tmp_path / "runs").exists()
