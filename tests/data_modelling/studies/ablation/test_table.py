import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from msgspec import structs
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from data_modelling.inference.diagnoses import class_codes
from data_modelling.inference.errors import InputError
from data_modelling.settings import read_settings
from data_modelling.studies.ablation.recipes import RecipeChange, read_changes
from data_modelling.studies.ablation.table import (
    ablation_page,
    ablation_table,
    table_metrics,
    write_ablation,
)
from data_modelling.studies.ablation.trials import Trial, embedding_source_accuracy
from tests.conftest import PROJECT

TASK = "ham10000"
CODES = list(class_codes(TASK))


def answers(seed: int, strength: float) -> pd.DataFrame:
    """140 photos of the set itself, 60 of ISIC 2017 and 40 of phones, whose logits tell the class more or less."""
    rng = np.random.default_rng(7)
    own = rng.permutation(np.repeat(CODES, 20))
    isic = rng.choice(["MEL", "NV", "BKL"], 60)
    phone = rng.choice(["MEL", "NV", "AKIEC", "benign"], 40)
    diagnosis = np.concatenate([own, isic, phone])
    source = np.repeat(["HAM10000", "ISIC_2017", "PAD_UFES_20"], [140, 60, 40])
    truth = np.stack([diagnosis == code for code in CODES], axis=1).astype(float)
    logits = strength * truth + np.random.default_rng(seed).normal(size=truth.shape)
    facts = pd.DataFrame(
        {
            "image_id": [f"I{n:03d}" for n in range(240)],
            "group_id": [f"G{n // 2}" for n in range(240)],
            "source": source,
            "diagnosis": diagnosis,
            "own": source == "HAM10000",
        }
    )
    return pd.concat([facts, pd.DataFrame(logits, columns=CODES)], axis=1)


def trial(name: str, seed: int, strength: float) -> Trial:
    settings = read_settings(PROJECT / "data_modelling" / "configs" / "smoke.toml")
    change = RecipeChange(name, f"{name} is other", structs.replace(settings, seed=seed))
    return Trial(change, answers(seed, strength), 0.5, 6.0, 1.25)


@pytest.fixture(scope="module")
def trials() -> list[Trial]:
    return [trial("base", 1, 1.5), trial("seed", 2, 1.5), trial("weak", 1, 0.5)]


@pytest.fixture(scope="module")
def table(trials: list[Trial]) -> pd.DataFrame:
    return ablation_table(trials).set_index("name", drop=False)


def test_figures_are_scikit_learns(trials: list[Trial], table: pd.DataFrame) -> None:
    own = trials[0].answers[trials[0].answers["own"]]
    logits = own[CODES].to_numpy()
    truth = np.array([CODES.index(code) for code in own["diagnosis"]])
    melanoma = roc_auc_score(truth == CODES.index("MEL"), softmaxed(logits, 1)[:, CODES.index("MEL")])
    # The temperature moves an AUC of one class a little: with it, the same ranking of every other class.
    assert table.loc["base", "melanoma_auc"] == pytest.approx(melanoma, abs=0.02)
    # Classes are equally many, so that the decision prior is even at any power.
    decided = logits.argmax(axis=1)
    assert table.loc["base", "balanced_accuracy"] == pytest.approx(balanced_accuracy_score(truth, decided))


def softmaxed(logits: np.ndarray, temperature: float) -> np.ndarray:
    raised = np.exp(logits / temperature)
    return raised / raised.sum(axis=1, keepdims=True)


def test_elsewhere_each_source_is_asked_its_question(trials: list[Trial], table: pd.DataFrame) -> None:
    answered = trials[0].answers
    for source, columns, name in (
        ("ISIC_2017", ["MEL"], "ISIC_2017_melanoma_auc"),
        ("PAD_UFES_20", ["MEL", "BCC", "AKIEC"], "PAD_UFES_20_cancer_auc"),
    ):
        there = answered[answered["source"] == source]
        score = softmaxed(there[CODES].to_numpy(), 1)[:, [CODES.index(code) for code in columns]].sum(axis=1)
        by_sklearn = roc_auc_score(there["diagnosis"].isin(columns), score)
        assert table.loc["base", name] == pytest.approx(by_sklearn, abs=1e-6)


def test_differences_are_paired_and_the_seeds_is_the_noise(table: pd.DataFrame) -> None:
    for name in ("macro_auc", "balanced_accuracy", "melanoma_auc", "ISIC_2017_melanoma_auc"):
        less = table.loc["weak", name] - table.loc["base", name]
        assert table.loc["weak", f"{name}_less"] == pytest.approx(less, abs=2e-6)
    assert table.loc["weak", "macro_auc_less_high"] < 0
    assert table["is_noise"].tolist() == [False, True, False]


def test_answers_for_other_photos_are_refused(trials: list[Trial]) -> None:
    other = dataclasses.replace(trials[1], answers=trials[1].answers.iloc[1:])
    with pytest.raises(InputError, match="base and seed were judged on different photos"):
        ablation_table([trials[0], other])


def test_the_page_is_made_of_the_csv_and_names_the_noise(table: pd.DataFrame, tmp_path: Path) -> None:
    write_ablation(tmp_path / "page.md", table.reset_index(drop=True))
    text = (tmp_path / "page.md").read_text()
    noise = abs(table.loc["seed", "melanoma_auc_less"])
    assert f"{noise:.3f} in melanoma AUC" in text
    assert "weak is other" in text
    assert "ISIC_2017: melanoma AUC" in text
    again = ablation_page(pd.read_csv(tmp_path / "page.csv", dtype={"folds": str}), "page.csv")
    assert again == text
    assert "ISIC_2020_melanoma_auc" not in table_metrics(table)  # none of its photos was asked


def test_the_row_of_a_removed_change_stays_with_the_commit_that_measured_it(
    table: pd.DataFrame, tmp_path: Path
) -> None:
    removed = table.reset_index(drop=True).assign(removed=[None, None, "abc1234"])
    write_ablation(tmp_path / "page.md", removed)
    assert "from the code: weak is other. Commit abc1234 measured them." in (tmp_path / "page.md").read_text()
    write_ablation(tmp_path / "page.md", table.reset_index(drop=True).iloc[:2])
    again = pd.read_csv(tmp_path / "page.csv")
    assert again["name"].tolist() == removed["name"].tolist()
    assert again["removed"].tolist()[2] == "abc1234"
    write_ablation(tmp_path / "other.md", table.reset_index(drop=True))
    write_ablation(tmp_path / "page.2024", table.reset_index(drop=True))  # has a csv of its own
    assert (tmp_path / "page.2024.csv").exists()
    assert "removed" not in (tmp_path / "other.md").read_text()


def test_a_source_that_shows_in_the_embedding_is_guessed_and_one_that_does_not_is_not() -> None:
    rng = np.random.default_rng(0)
    source = pd.Series(np.repeat(["one", "two"], 150))
    groups = pd.Series([f"g{n // 2}" for n in range(300)])
    embedding = rng.normal(size=(300, 4)).astype("float32")
    assert abs(embedding_source_accuracy(embedding, source, groups) - 0.5) < 0.12
    embedding[150:, 0] += 6
    assert embedding_source_accuracy(embedding, source, groups) > 0.97


@pytest.mark.parametrize("name", ["ablations", "ablations_all_clinics"])
def test_the_committed_page_is_made_of_its_csv_and_has_every_change(name: str) -> None:
    path = PROJECT / "docs" / f"{name}.md"
    table = pd.read_csv(path.with_suffix(".csv"), dtype={"folds": str})
    assert path.read_text() == ablation_page(table, f"{name}.csv")
    kept = table[table["removed"].isna()] if "removed" in table else table
    changes = read_changes(PROJECT / "data_modelling" / "configs" / f"{name}.toml")
    assert list(kept["name"]) == [change.name for change in changes]


def test_the_page_of_the_round_window_is_made_of_its_csv() -> None:
    """Its recipe is only in the commit that docs/studies.md names."""
    path = PROJECT / "docs" / "ablations_window.md"
    assert path.read_text() == ablation_page(
        pd.read_csv(path.with_suffix(".csv"), dtype={"folds": str}), "ablations_window.csv"
    )


@pytest.mark.parametrize("name", ["ablations_without_bcn", "ablations_muon"])
def test_the_page_of_a_left_out_clinic_is_made_of_its_csv_and_names_the_clinic(name: str) -> None:
    path = PROJECT / "docs" / f"{name}.md"
    table = pd.read_csv(path.with_suffix(".csv"), dtype={"folds": str})
    assert path.read_text() == ablation_page(table, path.with_suffix(".csv").name)
    assert "without the clinic group BCN and evaluated from the photo alone" in path.read_text()
    assert "fold" not in path.read_text()
    changes = read_changes(PROJECT / "data_modelling" / "configs" / f"{name}.toml")
    names = [change.name for change in changes]
    assert list(table["name"]) == names[: len(table)]
