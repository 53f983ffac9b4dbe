import pytest

from data_modelling.datasets import isic2019_2020
from data_modelling.datasets.table import class_indices
from data_modelling.inference.errors import InputError
from tests.data_modelling.datasets.test_ham10000 import write_photos
from tests.data_modelling.datasets.test_isic2019 import write_isic2019
from tests.data_modelling.datasets.test_isic2020 import ROWS, write_isic2020


@pytest.fixture
def root(tmp_path):
    write_photos(write_isic2019(tmp_path) / "images", "ISIC_0000003", "ISIC_0024306")
    rows = (*ROWS[:3], "ISIC_0000005,IP_4,male,50,torso,lentigo NOS,benign,0", ROWS[3])
    write_isic2020(tmp_path, *rows)
    return tmp_path


def test_both_sets_in_the_classes_of_the_first(root):
    """A benign lesion of which no more is known stays `benign`; its index is the one after the nine classes."""
    table, report = isic2019_2020.load(root)
    assert table["diagnosis"].tolist() == ["NV", "SCC", "benign", "MEL", "NV", "BKL"]
    assert table["source"].tolist()[2:] == ["ISIC_2020"] * 4
    assert class_indices(table["diagnosis"], "isic2019").tolist() == [1, 7, 9, 0, 1, 4]
    assert set(report.rows_without_photo) == {"ISIC_0000002_downsampled", "ISIC_0053453", "ISIC_0000004"}


def test_both_must_be_there(tmp_path):
    write_photos(write_isic2019(tmp_path) / "images", "ISIC_0000003")
    with pytest.raises(InputError, match="ISIC_2020 is not there"):
        isic2019_2020.load(tmp_path)
