from pathlib import Path

import pytest

from data_modelling.datasets.roots import REPOSITORY_DATA, MissingDataError
from data_modelling.datasets.split_photos import development_photos, split_photos
from data_modelling.datasets.splits import TEST

SPLITS = REPOSITORY_DATA / "splits"


def test_the_locked_test_is_left_out_and_nothing_else(data_root):
    everything = split_photos("pad_ufes_20", data_root, SPLITS)
    development = development_photos("pad_ufes_20", data_root, SPLITS)
    assert TEST in set(everything["part"])
    assert set(development["image_id"]) == set(everything.loc[everything["part"] != TEST, "image_id"])
    assert all(Path(path).is_file() for path in development["path"])


def test_a_set_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(MissingDataError, match="PAD_UFES_20 is not there"):
        split_photos("pad_ufes_20", tmp_path, SPLITS)
