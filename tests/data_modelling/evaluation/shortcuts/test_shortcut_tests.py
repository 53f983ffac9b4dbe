import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from data_modelling.evaluation.shortcuts import shortcut_tests
from data_modelling.evaluation.shortcuts.lesion_painting import read_outline
from data_modelling.evaluation.shortcuts.shortcut_metrics import COLUMNS
from data_modelling.evaluation.shortcuts.shortcut_tests import (
    FoldNetwork,
    deletion_area,
    gaussian,
    sample_photos,
    shortcut_rows,
)
from data_modelling.inference.errors import InputError
from data_modelling.inference.explanation.heat_map import Head
from data_modelling.metrics.predictions import read_predictions, read_table
from data_modelling.pipeline import run_networks, training_run
from data_modelling.pipeline.bundle_metadata import calibration_choices
from data_modelling.pipeline.work_folder import work_folder
from data_modelling.settings import read_settings
from data_modelling.training import development_set
from tests.conftest import PROJECT

EDGE = 40  # pixels; the feature map has four by four cells
DARK, SKIN = 40, 200
LESION = np.zeros((EDGE, EDGE), bool)
LESION[10:20, 10:20] = True  # the second cell of the second row
PHOTO = np.where(LESION[..., None], DARK, SKIN).astype(np.uint8) * np.ones(3, np.uint8)


def ask(photos: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A network of two classes whose first one is the more probable the darker the photo is; its only feature is how
    dark each cell is.
    """
    dark = (SKIN - photos[..., :1].astype(float)).reshape(len(photos), 4, 10, 4, 10, 1).mean(axis=(2, 4))
    features = dark.astype(np.float32)
    return dark.mean(axis=(1, 2)) @ HEAD.kernel + HEAD.bias, features


HEAD = Head(np.array([[0.5, 0.0]]), np.array([-2.0, 0.0]))
JUDGE = FoldNetwork(ask, HEAD, 1.0, np.array([0.5, 0.5]))


def of_one(photo: np.ndarray = PHOTO, outline: np.ndarray = LESION, judge: FoldNetwork = JUDGE) -> dict:
    (row,) = shortcut_rows(judge, ["a"], photo[None], outline[None])
    return row


def test_views_by_hand() -> None:
    """A sixteenth of the photo is 160 grey levels darker: 10 on average, so that the logits are 5 - 2 and 0."""
    row = of_one()
    assert row["lesion_share"] == 1 / 16
    assert row["decided"] == 0
    assert row["intact"].tolist() == [3, 0]
    assert row["lesion_painted"].tolist() == [-2, 0]
    assert row["background_painted"].tolist() == [3, 0]


def test_the_map_of_what_the_network_looks_at_finds_it_and_chance_does_not() -> None:
    """All of the map is the lesion's cell: painted over at the first step, the rest changes nothing more."""
    row = of_one()
    whole, without = 1 / (1 + np.exp(-3)), 1 / (1 + np.exp(2))
    assert row["map_deletion"] == pytest.approx(0.05 * (1 + without / whole) + 0.9 * without / whole)
    assert row["random_deletion"] > row["map_deletion"]
    # Drawn out between the centres of cells, the map's one cell reaches into its neighbours.
    assert row["map_inside"] > 4 * row["random_inside"]
    assert row["random_inside"] == pytest.approx(1 / 16, abs=0.01)


def test_shares_in_the_whole_photo_are_one_and_without_skin_nothing_is_painted() -> None:
    row = of_one(outline=np.ones((EDGE, EDGE), bool))
    assert set(row) == {"decided", "lesion_share", "intact"}
    assert row["lesion_share"] == 1


def test_a_class_that_rises_counts_as_wholly_left() -> None:
    """Decided for the second class, which has more to say once the dark lesion is gone."""
    judge = FoldNetwork(ask, HEAD, 1.0, np.array([0.99, 0.01]))
    row = of_one(judge=judge)
    assert row["decided"] == 1
    assert row["map_deletion"] == row["random_deletion"] == row["gaussian_deletion"] == 1


def test_the_same_name_gives_the_same_random_maps_in_every_batch() -> None:
    both = shortcut_rows(JUDGE, ["b", "a"], np.stack([PHOTO] * 2), np.stack([LESION] * 2))
    alone = of_one()
    assert both[1]["random_inside"] == alone["random_inside"]
    assert both[1]["random_deletion"] == alone["random_deletion"]
    assert both[0]["random_inside"] != alone["random_inside"]


def test_the_gaussian_falls_from_the_centre() -> None:
    """Two by two cells lie alike; of three by three the middle is 1 and its neighbours exp(-(1/3)^2 / (2/16))."""
    assert np.ptp(gaussian((2, 2))) == pytest.approx(0)
    three = gaussian((3, 3))
    assert three[1, 1] == 1
    assert three[0, 1] == three[1, 2] == pytest.approx(np.exp(-8 / 9))
    assert three[0, 0] == pytest.approx(np.exp(-16 / 9))


def test_areas_under_curves_by_hand() -> None:
    assert deletion_area(np.array([1.0, 1, 1])) == 1
    assert deletion_area(np.array([1.0, 0, 0])) == 0.25
    assert deletion_area(np.array([1.0, 0.5, 0])) == 0.5


def test_one_photo_a_lesion_is_drawn_from_those_with_an_outline() -> None:
    table = pd.DataFrame(
        {
            "image_id": [f"p{index}" for index in range(30)],
            "group_id": [f"l{index // 3}" for index in range(30)],
        }
    )
    outlines = {name: "" for name in table["image_id"] if name not in {"p0", "p1", "p2", "p3"}}
    rows = sample_photos(table, outlines)
    chosen = table.iloc[rows]
    assert set(chosen["image_id"]) <= set(outlines)
    assert chosen["group_id"].tolist() == [f"l{index}" for index in range(1, 10)]
    fewer = sample_photos(table, outlines, 4)
    assert len(fewer) == 4
    assert set(fewer) <= set(rows)
    # By chance: neither always the first nor always the last photo of a lesion.
    assert len(set(rows % 3)) > 1


def test_the_draw_does_not_depend_on_the_order_of_rows() -> None:
    table = pd.DataFrame(
        {
            "image_id": [f"p{index}" for index in range(30)],
            "group_id": [f"l{index // 3}" for index in range(30)],
        }
    )
    outlines = dict.fromkeys(table["image_id"], "")
    turned = table.iloc[::-1]
    assert set(turned["image_id"].iloc[sample_photos(turned, outlines, 5)]) == set(
        table["image_id"].iloc[sample_photos(table, outlines, 5)]
    )


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    photo, outline = tmp_path / "a.jpg", tmp_path / "a_segmentation.png"
    Image.fromarray(np.full((30, 40, 3), 200, np.uint8)).save(photo)
    mask = np.zeros((30, 40), bool)
    mask[:, 20:] = True
    Image.fromarray(mask).save(outline)
    return photo, outline


def test_an_outline_is_cropped_as_its_photo_is(files: tuple[Path, Path]) -> None:
    photo, outline = files
    found = read_outline(str(outline), str(photo), 6)  # the centre square's 30 pixels to 6
    assert found.tolist() == [[False] * 3 + [True] * 3] * 6


def test_an_outline_of_another_size_or_a_broken_one_is_refused(files: tuple[Path, Path]) -> None:
    photo, outline = files
    Image.fromarray(np.zeros((30, 41), bool)).save(outline)
    with pytest.raises(InputError, match="41 x 30 pixels and its photo 40 x 30"):
        read_outline(str(outline), str(photo), 6)
    outline.write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    with pytest.raises(InputError, match="a_segmentation.png: The photo is damaged"):
        read_outline(str(outline), str(photo), 6)


def test_the_smoke_runs_results_are_of_one_photo_a_lesion_of_the_fold(smoke_run: Path) -> None:
    """And agree with the predictions of the same photos, which were made at another place."""
    results = read_table(smoke_run / "predictions" / "shortcuts.csv.gz", COLUMNS)
    predicted = pd.read_csv(smoke_run / "predictions" / "out_of_fold.csv.gz").set_index("image_id")
    assert not results["group_id"].duplicated().any()
    assert set(results["group_id"]) == set(predicted["group_id"])
    logits = predicted.loc[results["image_id"]].filter(like="photo_").to_numpy()
    np.testing.assert_allclose(results.filter(like="intact_").to_numpy(), logits, rtol=5e-3, atol=1e-3)


def test_results_are_not_made_again_unless_what_they_depend_on_changes(
    smoke_run: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(work_folder(smoke_run), tmp_path / "smoke.work"))
    settings = read_settings(PROJECT / "data_modelling" / "configs" / "smoke.toml")
    sources = development_set.DataFolders(folder / "generated", folder / "generated")
    run = run_networks.Run(
        settings, sources, folder, *development_set.load_development_set(settings, sources, folder)
    )
    predictions = read_predictions(folder / "fold0" / "predictions.csv")
    choices = calibration_choices(settings, run.development.table, predictions)
    monkeypatch.setattr(shortcut_tests, "shortcut_rows", lambda *_: pytest.fail("made again"))
    assert training_run._run_shortcut_tests(run, choices) == folder / "shortcuts"
    (folder / "shortcuts" / "made_for.json").write_text(json.dumps({"choices": "other"}))
    with pytest.raises(pytest.fail.Exception, match="made again"):
        training_run._run_shortcut_tests(run, choices)
