import numpy as np
import pandas as pd
import pytest
from PIL import Image

from data_modelling.datasets import ham10000
from data_modelling.datasets.formats.synthetic_lesions import write_synthetic_lesions
from data_modelling.inference.diagnoses import class_codes
from data_modelling.inference.errors import InputError


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("generated")
    write_synthetic_lesions(folder, lesions=120, seed=7)
    return folder


@pytest.fixture(scope="module")
def table(root):
    return ham10000.load(root, strict=True)[0]


def test_every_class_has_at_least_eight_lesions_and_nevi_are_most(table):
    lesions = table.drop_duplicates("group_id")["diagnosis"].value_counts()
    assert set(lesions.index) == set(class_codes("ham10000"))
    assert lesions.sum() == 120
    assert lesions.min() >= 8
    assert lesions.idxmax() == "NV"


def test_some_lesions_have_two_or_three_photos(table):
    assert set(table["group_id"].value_counts()) == {1, 2, 3}


@pytest.mark.parametrize("detail", ["age", "sex", "site"])
def test_some_details_are_missing_but_not_many(table, detail):
    assert 0 < table[detail].isna().mean() < 0.25


def test_each_photo_has_its_outline_and_the_lesion_differs_from_the_skin(root):
    photos = sorted((root / "HAM10000_images_part_1_and_2").iterdir())
    outlines = ham10000.outline_paths(root)
    assert sorted(outlines) == [photo.stem for photo in photos]
    for photo in photos[:20]:
        with Image.open(photo) as file, Image.open(outlines[photo.stem]) as mask:
            pixels, outline = np.asarray(file).astype(float), np.asarray(mask)
        assert outline.shape == pixels.shape[:2]
        assert 0.02 < outline.mean() < 0.6
        assert np.abs(pixels[outline].mean(axis=0) - pixels[~outline].mean(axis=0)).max() > 15


def test_the_same_numbers_give_the_same_files(root, tmp_path):
    write_synthetic_lesions(tmp_path / "again", lesions=120, seed=7)
    files = sorted(path.relative_to(root) for path in root.rglob("*") if path.is_file())
    assert files
    assert all((root / file).read_bytes() == (tmp_path / "again" / file).read_bytes() for file in files)


def test_another_seed_gives_other_lesions(root, tmp_path):
    write_synthetic_lesions(tmp_path / "other", lesions=120, seed=8)
    name = "HAM10000_metadata.csv"
    assert not pd.read_csv(root / name).equals(pd.read_csv(tmp_path / "other" / name))


def test_too_few_lesions_are_refused(tmp_path):
    with pytest.raises(InputError, match="55 generated lesions are too few; ask for at least 56"):
        write_synthetic_lesions(tmp_path / "few", lesions=55, seed=0)
    assert not (tmp_path / "few").exists()


def test_a_folder_with_files_is_refused(root):
    with pytest.raises(InputError, match="is not empty"):
        write_synthetic_lesions(root, lesions=60, seed=0)
