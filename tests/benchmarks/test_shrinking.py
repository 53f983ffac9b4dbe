"""The comparison of shrunk photos with whole files: its table from hand-worked rows, and the committed page."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from benchmarks.photos import camera_file
from benchmarks.shrunk_photos import goal_results, main, shrinking_page
from data_modelling.inference.bundle import load_bundle
from tests.app.tiny_bundle import make_tiny_bundle
from tests.conftest import PROJECT

DOCS = PROJECT / "docs"


def comparison(whole="uncertain", sent="uncertain", sent_bytes=150_000, width=400, moved=0.0):
    return {
        "width": width,
        "height": 300,
        "whole_bytes": 2_000_000,
        "whole_status": whole,
        "whole_probability": 0.1,
        "sent_bytes": sent_bytes,
        "sent_status": sent,
        "sent_probability": 0.1 + moved,
    }


def reached(rows):
    """Which goals are reached, in their order."""
    return [is_reached for *_, is_reached in goal_results(pd.DataFrame(rows))]


def test_five_of_500_may_have_another_status_and_six_may_not():
    same, other = comparison(), comparison(sent="higher_concern")
    assert reached([same] * 495 + [other] * 5) == [True] * 4
    assert reached([same] * 494 + [other] * 6) == [True, False, True, True]
    assert reached([same] * 499) == [False, True, True, True]


def test_one_concern_that_becomes_the_all_clear_is_too_many():
    rows = [comparison()] * 499
    assert reached([*rows, comparison("higher_concern", "no_cancer_class")]) == [True, True, False, True]
    assert reached([*rows, comparison("no_cancer_class", "higher_concern")]) == [True] * 4
    assert reached([*rows, comparison(sent_bytes=200_001)]) == [True, True, True, False]


def test_the_page_counts_statuses_and_sizes(tmp_path):
    rows = [
        comparison("higher_concern", "uncertain", 100_000, moved=0.2),
        comparison("higher_concern", "higher_concern", 140_000, moved=-0.1),
        comparison("refused", "refused", 160_000, width=600),
    ]
    page = shrinking_page(pd.DataFrame(rows), load_bundle(make_tiny_bundle(tmp_path / "tiny", version="3.4")))
    assert "| `higher_concern` | 1 | 0 | 1 | 0 |" in page
    assert "| `refused` | 0 | 0 | 0 | 1 |" in page
    assert "| 400 x 300 | 2 | 2,000 | 120 | 1 | 0.1500 | 0.2000 |" in page
    assert "| 600 x 300 | 1 | 2,000 | 160 | 0 | 0.0000 | 0.0000 |" in page
    assert "bundle tiny 3.4.\n" in page


def test_a_camera_file_has_mirrored_sides_and_the_photo_in_its_middle():
    """A square of 60 pixels, red left and blue right, becomes 80 x 60: ten columns are mirrored at each side."""
    photo = Image.new("RGB", (60, 60), "red")
    photo.paste("blue", (30, 0, 60, 60))
    enlarged = Image.open(io.BytesIO(camera_file(photo, (400, 300))))
    assert enlarged.size == (400, 300)
    columns = np.asarray(enlarged).mean(axis=0)
    assert columns[:190] == pytest.approx(np.tile((255, 0, 0), (190, 1)), abs=12)
    assert columns[210:] == pytest.approx(np.tile((0, 0, 255), (190, 1)), abs=12)


def test_absent_photos_end_the_command_with_one_sentence(tmp_path, capsys):
    assert main(["--data-root", str(tmp_path), "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("HAM10000 is not there")


def test_the_committed_page_is_made_of_its_rows_and_reaches_every_goal():
    rows = pd.read_csv(DOCS / "shrinking.csv")
    page = shrinking_page(rows, load_bundle(PROJECT / "DATA" / "models" / "ham10000"))
    tables = [line for line in page.splitlines() if line.startswith("|")]
    assert set(tables) <= set((DOCS / "shrinking.md").read_text().splitlines())
    assert all(reached(rows))
