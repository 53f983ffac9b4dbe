import numpy as np
import pandas as pd
import pytest

from data_analysis import notebook_folders, photo_sources
from data_modelling.datasets.splits.assignment import TEST


@pytest.fixture
def split(made, monkeypatch):
    monkeypatch.setenv(notebook_folders.SPLITS_VARIABLE, str(made.splits))
    return made


def test_photos_are_those_at_hand_outside_the_locked_test(split):
    found = photo_sources.read_photos("ham10000", split.root)
    everything = photo_sources.read_all_photos("ham10000", split.root)
    assert TEST not in set(found["part"])
    assert len(found) == (everything["part"] != TEST).sum() < len(everything)
    assert photo_sources.read_photos("isic2020", split.root).empty  # its csv is there, its photos are not


def test_photos_that_the_split_does_not_know_are_told_where_a_notebook_may_speak(
    split, tmp_path, monkeypatch, capsys
):
    """On standard error the notebook would count as failed."""
    kept = (split.splits / "ham10000.csv").read_text().splitlines(keepends=True)
    (tmp_path / "ham10000.csv").write_text("".join(kept[:-2]))
    monkeypatch.setenv(notebook_folders.SPLITS_VARIABLE, str(tmp_path))
    assert (
        len(photo_sources.read_all_photos("ham10000", split.root)) == len(kept) - 1 - 2
    )  # the first line is the header
    told = capsys.readouterr()
    assert told.out == "HAM10000: 2 photos are left out, because its split lacks them.\n"
    assert told.err == ""


def test_isic_2019_shows_the_photos_of_ham10000_but_not_of_its_test(split):
    table = pd.DataFrame(photo_sources.read_all_photos("ham10000", split.root)).drop(columns="path")
    strangers = table.iloc[:1].assign(image_id="ISIC_6000000")
    found = photo_sources.read_isic2019_photos(pd.concat([table, strangers]), split.root)
    assert set(found["image_id"]) == set(table.loc[table["part"] != TEST, "image_id"])


def test_the_photos_chosen_show_different_lesions_and_stay_the_same():
    table = pd.DataFrame({"image_id": list("abcdef"), "group_id": list("111234")})
    found = photo_sources.sample_photos(table, 10)
    assert sorted(found["image_id"]) == ["a", "d", "e", "f"]
    shuffled = table.sample(frac=1, random_state=0)
    assert (
        photo_sources.sample_photos(shuffled, 2)["image_id"].tolist()
        == photo_sources.sample_photos(table, 2)["image_id"].tolist()
    )
    assert len(photo_sources.sample_photos(table, 2)) == 2


def test_one_patient_with_the_only_melanoma_first():
    table = pd.DataFrame(
        {
            "image_id": list("abcdefg"),
            "group_id": ["1", "1", "1", "2", "2", "2", "2"],
            "diagnosis": ["benign", "malignant", "benign", "malignant", "malignant", "benign", "benign"],
        }
    )
    found = photo_sources.sample_patient(table, 3)
    assert found["image_id"].iloc[0] == "b"  # patient 2 has more photos, but two melanomas
    assert set(found["group_id"]) == {"1"}
    assert len(found) == 3
    assert photo_sources.sample_patient(table[table["diagnosis"] == "benign"], 3).empty


def test_a_plain_photo_has_its_colour_and_no_sharpness():
    photo = np.full((112, 112, 3), (200, 100, 50), np.uint8)
    found = photo_sources.photo_measures(photo)
    assert (found["red"], found["green"], found["blue"], found["warmth"]) == (200, 100, 50, 150)
    # .299 x 200 + .587 x 100 + .114 x 50 = 59.8 + 58.7 + 5.7
    assert found["brightness"] == pytest.approx(124.2)
    assert found["sharpness"] == pytest.approx(0, abs=1e-9)
    assert found["squeeze"] == 1


def test_sharpness_of_a_chessboard_by_hand():
    board = (np.indices((112, 112)).sum(axis=0) % 2 * 10).astype(np.uint8)
    photo = np.repeat(board[..., None], 3, axis=2)
    # Each pixel differs by 10 from its four neighbours: the Laplacian is +40 or -40, its deviation 40.
    assert photo_sources.photo_measures(photo)["sharpness"] == pytest.approx(40)


def test_a_photo_pressed_from_the_sides_is_noticed():
    rng = np.random.default_rng(0)
    coarse = np.kron(rng.integers(0, 256, (30, 60)), np.ones((8, 4)))[:112, :112]  # twice as tall as wide
    pressed = np.repeat(coarse.astype(np.uint8)[..., None], 3, axis=2)
    assert photo_sources.photo_measures(pressed)["squeeze"] == pytest.approx(2, abs=0.25)
    assert photo_sources.photo_measures(pressed.transpose(1, 0, 2))["squeeze"] == pytest.approx(0.5, abs=0.06)


def measured(shift: float) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(
        rng.normal(size=(6000, len(photo_sources.MEASURE_NAMES))), columns=list(photo_sources.MEASURE_NAMES)
    )
    rows["source"] = ["one", "two", "two"] * 2000
    rows.loc[rows["source"] == "two", "warmth"] += shift
    return rows


def test_the_source_is_guessed_as_often_as_it_shows():
    assert photo_sources.source_accuracy(measured(0)) == pytest.approx(0.5, abs=0.04)
    # Two normal distributions, 2 deviations apart: the nearer mean is right in 84 of 100 cases.
    assert photo_sources.source_accuracy(measured(2)) == pytest.approx(0.84, abs=0.03)
    assert photo_sources.source_accuracy(measured(20)) == 1
