from pathlib import Path

import pandas as pd
import pytest

from data_modelling.datasets import isic2019, isic2020, stored_photos


@pytest.mark.parametrize(
    ("folder", "count"), [(stored_photos.ISIC_2019_84PX, 11_616), (stored_photos.ISIC_2020_EXTRA, 211)]
)
def test_the_list_and_the_photos_agree(data_root, folder, count):
    rows = stored_photos.read_rows(data_root / folder)
    assert len(rows) == count
    assert set(stored_photos.copies(data_root, folder)) == set(rows["image_id"])


def test_an_absent_folder_has_no_copies(tmp_path):
    assert stored_photos.copies(tmp_path, stored_photos.ISIC_2019_84PX) == {}


def test_isic_2019_prefers_the_larger_photo_and_tells_the_classes_of_its_csv(data_root, real_isic2019):
    table, _ = real_isic2019
    by_folder = table["path"].map(lambda path: Path(path).parents[1].name).value_counts()
    assert by_folder[stored_photos.ISIC_2019_84PX] == 11_616
    labels = pd.read_csv(data_root / stored_photos.ISIC_2019_84PX / "labels.csv").set_index("image")["label"]
    small = table[table["path"].str.contains(stored_photos.ISIC_2019_84PX)]
    assert small["diagnosis"].tolist() == labels[isic2019.original_ids(small["image_id"])].tolist()


def test_isic_2020_finds_the_further_photos(data_root):
    table, _ = isic2020.load(data_root)
    assert table["path"].str.contains(stored_photos.ISIC_2020_EXTRA).sum() == 211
    assert (table["diagnosis"] == "melanoma").sum() == 38 + 2
