from pathlib import Path

import pytest
from PIL import Image

from data_modelling.datasets import external_sources
from data_modelling.datasets.data_location import REPOSITORY_DATA, MissingDataError
from data_modelling.datasets.registry import data_set
from data_modelling.datasets.splits.assignment import TEST
from data_modelling.datasets.splits.photos import development_photos, split_photos
from tests.data_modelling.datasets.test_isic2020 import ROWS, write_isic2020

SPLITS = REPOSITORY_DATA / "splits"


def test_the_locked_test_is_left_out_and_nothing_else(data_root):
    everything = split_photos("pad_ufes_20", data_root, SPLITS)
    development = development_photos("pad_ufes_20", data_root, SPLITS)
    assert TEST in set(everything["part"])
    assert set(development["image_id"]) == set(everything.loc[everything["part"] != TEST, "image_id"])
    assert all(Path(path).is_file() for path in development["path"])


@pytest.fixture
def published(tmp_path):
    """Photos 1 to 5 of PAD-UFES-20, of which 6 has a row alone, and a split of 1 (locked), 2 and 6 in `splits`."""
    (tmp_path / "images").mkdir()
    for number in range(1, 6):
        Image.new("RGB", (4, 4)).save(tmp_path / "images" / f"{number}.png")
    rows = [f"{number}.png,P{number},NEV" for number in range(1, 7)]
    (tmp_path / "metadata.csv").write_text("\n".join(["img_id,patient_id,diagnostic", *rows]) + "\n")
    (tmp_path / "splits").mkdir()
    (tmp_path / "splits" / "pad_ufes_20.csv").write_text(
        "image_id,group_id,part\n1,P1,test\n2,P2,0\n6,P6,1\n"
    )
    return tmp_path


def test_photos_that_the_split_does_not_know_are_left_out_and_counted(published, capsys):
    """PAD-UFES-20 as its authors publish it has more photos than the committed split."""
    everything = split_photos("pad_ufes_20", published, published / "splits")
    assert everything[["image_id", "part"]].to_numpy().tolist() == [["1", TEST], ["2", "0"]]
    sentence = "PAD_UFES_20: 3 photos are left out, because its split lacks them."
    assert capsys.readouterr().err == f"warning: {sentence}\n"
    told = []
    development = development_photos("pad_ufes_20", published, published / "splits", told.append)
    assert development["image_id"].tolist() == ["2"]
    assert told == [sentence]
    assert capsys.readouterr().err == ""


def test_an_absent_data_set_is_an_error(tmp_path):
    with pytest.raises(MissingDataError, match="PAD_UFES_20 is not there"):
        split_photos("pad_ufes_20", tmp_path, SPLITS)


@pytest.mark.parametrize("folder", ["images", "jpeg/train", "train"])
def test_photos_of_isic_2020_are_found_in_each_folder_that_may_hold_them(tmp_path, folder):
    """jpeg/train and train are the folders of Kaggle; DATA/README.md names all three."""
    root = write_isic2020(tmp_path, *ROWS)
    if folder != "images":
        (root / folder).parent.mkdir(exist_ok=True)
        (root / "images").rename(root / folder)
    (tmp_path / "isic2020.csv").write_text(
        "image_id,group_id,part\nISIC_0000001,IP_1,0\nISIC_0000002,IP_1,0\nISIC_0000003,IP_2,1\n"
    )
    photos = split_photos("isic2020", tmp_path, tmp_path)
    assert photos["image_id"].tolist() == ["ISIC_0000001", "ISIC_0000002", "ISIC_0000003"]
    table, _ = external_sources.load(data_set("isic2020"), tmp_path, tmp_path, to_train=True)
    assert table["diagnosis"].tolist() == ["benign", "MEL", "NV"]
