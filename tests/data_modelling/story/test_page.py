from pathlib import Path

import pytest

from data_modelling.evaluation.markdown import figure
from data_modelling.story.page import in_counts, page, read_story, said_apart, write_story
from data_modelling.story.rows import rows
from data_modelling.story.steps import STEPS
from data_modelling.story.telling import Cost
from tests.conftest import PROJECT
from tests.data_modelling.story.made import bundle, told


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of all steps; the tuned one was searched with fold 1, and fold 0 was not read."""
    steps = [
        told("unchanged", 0, 0),
        told("class_weights", 9, 6),
        told("sampled", 8, 5),
        told("tuned", 9, 4),
        told("final", 12, 4),
        told("details", 1, 0, Cost()),
        told("both", 12, 3, Cost()),
        told("baseline", 7, 7, Cost(seconds=30)),
    ]
    out = tmp_path_factory.mktemp("page") / "story.md"
    write_story(out, rows(steps, (1, 0), bundle()))
    return out


def part(written: Path, number: int) -> str:
    """The part of one step."""
    return written.read_text().split("\n## ")[number]


def test_plain_counts_by_hand(written: Path) -> None:
    """72 photos: of 12 melanomas 9 are right, of 30 moles 24, of 4 dermatofibromas none; 26 others are right."""
    assert (
        "It decides 59 of 72 photos right. Of 12 photos of melanoma in fold 0 it finds 9 and calls 3 moles; of 30 photos "
        "of moles it calls 6 melanoma. Of 4 photos of dermatofibroma, the rarest class, it finds 0. It never decides for "
        "dermatofibroma."
    ) in part(written, 2)
    assert "It never decides for melanoma and dermatofibroma." in part(written, 1)


def test_a_class_without_photos_is_not_the_rarest() -> None:
    confusion = ";".join(["3 1 0 0 0 0 0", "0 5 0 0 0 0 0", *["0 0 0 0 0 0 0"] * 5])
    said = in_counts({"confusion": confusion, "task": "ham10000", "folds": "0"})
    assert said == (
        "It decides 8 of 9 photos right. Of 4 photos of melanoma in fold 0 it finds 3 and calls 1 moles; of 5 photos of "
        "moles it calls 0 melanoma. Of 4 photos of melanoma, the rarest class, it finds 3."
    )


def test_each_step_is_told_beside_the_one_it_is_compared_with(written: Path) -> None:
    assert "Beside" not in part(written, 1)
    assert (
        "Beside step 1 it finds 9 photos of melanoma that were missed there, and misses 0 that were found there; balanced "
        "accuracy is better (+0.0"
    ) in part(written, 2)
    assert "Beside step 2 it finds 0 photos of melanoma that were missed there, and misses 1" in part(
        written, 3
    )
    assert "Beside step 5 " in part(written, 7)
    assert "balanced accuracy is worse (-0." in part(written, 8)
    assert "balanced accuracy is not clearly different (+0.0" in part(written, 7)


def test_the_tables_have_a_line_a_step_and_a_dash_where_nothing_was_trained(written: Path) -> None:
    text = written.read_text()
    for number, step in enumerate(STEPS, 1):
        assert f"\n| {number}. {step.title} | ." in text
        assert f"({step.plot})" not in text
        assert f"/DATA/plots/{step.plot})" in part(written, number)
    # One of twelve melanomas, all moles and four of the other five classes, over seven classes.
    assert "| 6. Details only | .726 [" in text
    assert text.count(" | - |\n") == 2
    # Five trainings of 90 seconds and the baseline's 30 are 8 minutes.
    assert "took 8 minutes of processor time" in text
    assert "Steps 1, 2, 3 and 4 decide for the class" in text


def test_it_says_where_the_search_looked_and_what_the_bundle_reaches(written: Path) -> None:
    told_of_search = "The search judged its trials on fold 1 and never read fold 0, the fold of this story."
    assert told_of_search in part(written, 4)
    macro_auc = bundle().metrics["out_of_fold"]["photo"]["macro_auc"]
    assert f"macro AUC {figure(macro_auc)} [" in part(written, 5).split("At full size")[1]
    assert "At full size" not in part(written, 6)


@pytest.mark.parametrize(
    ("differs", "said"),
    [
        ("{}", "At full size the same recipe is the bundle "),
        (
            '{"more_photos": [[], ["isic2017"]], "training.teachers": [[], ["a.toml"]]}',
            "At full size, with other sets' photos and teachers, the recipe is the bundle ",
        ),
        (
            None,
            "At full size the recipe (the settings were not compared) is the bundle ",
        ),
    ],
)
def test_the_recipe_is_called_the_same_only_where_nothing_differs(
    written: Path, differs: str | None, said: str, tmp_path: Path
) -> None:
    table = read_story(written.with_suffix(".csv")).drop(columns="full_differs")
    if differs is not None:  # None: a table as the first ones
        table["full_differs"] = [differs if name == "final" else None for name in table["name"]]
    write_story(tmp_path / "story.md", table)
    assert said in part(tmp_path / "story.md", 5)


def test_what_sets_a_recipe_apart_in_words() -> None:
    differs = {
        "augmentation.mixup": [0.0, 0.3],
        "training.class_weights": [1.0, 0.0],
        "training.batch": [32, 64],
        "more_photos": [["isic2017"], ["isic2017", "pad_ufes_20"]],
        "earlier.training.balance": [None, 1.0],
    }
    assert said_apart(differs) == (
        "with blended photos, without class weights and with `training.batch` 64 instead of 32, `more_photos` isic2017 and "
        "pad_ufes_20 instead of isic2017 and `earlier.training.balance` 1.0 instead of none"
    )


@pytest.mark.parametrize(
    ("folds", "said"),
    [
        ((0, 1), "The search judged its trials on this very fold 0: the figures of this step are"),
        ((2, 3), "The search judged its trials on fold 2 and never read fold 3.\n"),
    ],
)
def test_a_search_that_judged_by_this_fold_is_said_to_flatter(
    folds: tuple[int, int], said: str, tmp_path: Path
) -> None:
    write_story(tmp_path / "story.md", rows([told("sampled", 8, 5), told("tuned", 9, 4)], folds, bundle()))
    assert said in (tmp_path / "story.md").read_text()


def test_a_step_that_is_not_there_is_named(tmp_path: Path) -> None:
    steps = [told(step.name, 5, 5) for step in STEPS if step.name != "tuned"]
    write_story(tmp_path / "story.md", rows(steps, (), bundle()))
    text = (tmp_path / "story.md").read_text()
    assert "Not told, because the recipe was not there: The tuned network." in text
    assert "| 4 less 3 | +0.000" in text
    assert "Steps 1, 2 and 3 decide" in text


def test_the_page_is_made_of_the_csv_and_twice_the_same(written: Path) -> None:
    source = written.with_suffix(".csv")
    first, table = written.read_bytes(), source.read_bytes()
    assert page(read_story(source), "story.csv").encode() == first
    write_story(written, read_story(source))
    assert (written.read_bytes(), source.read_bytes()) == (first, table)


def test_the_committed_story_is_made_of_its_csv_and_tells_every_step() -> None:
    source, out = (PROJECT / "docs" / f"story.{ending}" for ending in ("csv", "md"))
    table = read_story(source)
    assert out.read_text() == page(table, "story.csv")
    assert list(table["name"]) == [step.name for step in STEPS]
    assert all((PROJECT / "DATA" / "plots" / step.plot).exists() for step in STEPS)
