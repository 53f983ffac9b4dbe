from pathlib import Path

import pandas as pd
import pytest

from data_modelling.datasets import isic2017, isic2019
from data_modelling.datasets.data_location import find_dataset_folder
from data_modelling.datasets.download.isic2017_labels import LABEL_COLUMNS, main
from data_modelling.datasets.table import read_csv
from tests.conftest import PROJECT

CLASSES = ["MEL", "NV", "BCC", "AK", "BKL", "DF", "VASC", "SCC", "UNK"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """ISIC 2019's files with two photos of ISIC 2017, one of which was published larger, and one of HAM10000."""
    folder = tmp_path / isic2019.FOLDER
    folder.mkdir()
    rows = [("ISIC_0000001_downsampled", "MEL"), ("ISIC_0000002", "BKL"), ("ISIC_0024306", "NV")]
    truth = [{"image": image} | {code: float(code == known) for code in CLASSES} for image, known in rows]
    pd.DataFrame(truth).to_csv(folder / isic2019.GROUND_TRUTH_FILE, index=False)
    (folder / isic2019.METADATA).write_text(
        "image,age_approx,anatom_site_general,lesion_id,sex\n"
        "ISIC_0024306,45,,HAM_0000001,male\nISIC_0000002,,,,\nISIC_0000001_downsampled,0,head/neck,MSK4_1,female\n"
    )
    (tmp_path / "isic2017.csv").write_text("image_id,group_id,part\nISIC_0000002,a,0\nISIC_0000001,b,test\n")
    return tmp_path


def made(root: Path, splits: Path) -> int:
    return main(["--data-root", str(root), "--splits", str(splits)])


def test_the_file_of_two_photos(root: Path) -> None:
    assert made(root, root) == 0
    assert (root / isic2017.FOLDER / isic2017.LABELS).read_text() == (
        "image,isic2019_class,age,sex,site,lesion_id\n"
        "ISIC_0000002,BKL,,,,\n"
        "ISIC_0000001,MEL,0,female,head/neck,MSK4_1\n"
    )


def test_a_file_that_is_there_is_left_alone(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = root / isic2017.FOLDER / isic2017.LABELS
    path.parent.mkdir()
    path.write_text("mine")
    assert made(root, root) == 2
    assert "move it away to make it again" in capsys.readouterr().err
    assert path.read_text() == "mine"


def test_photos_that_isic_2019_does_not_know_are_named(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "isic2017.csv").write_text("image_id,group_id,part\nISIC_0000002,a,0\nISIC_0000003,b,1\n")
    assert made(root, root) == 2
    assert "lack 1 of ISIC 2017's photos, such as ISIC_0000003" in capsys.readouterr().err
    assert not (root / isic2017.FOLDER).exists()


def test_of_the_real_files_it_makes_the_file_that_was_used_here(data_root: Path, tmp_path: Path) -> None:
    """The one at hand was put together by others, from the same files of ISIC 2019."""
    folder = tmp_path / isic2019.FOLDER
    folder.mkdir()
    for name in (isic2019.GROUND_TRUTH_FILE, isic2019.METADATA):
        (folder / name).symlink_to(
            (find_dataset_folder(data_root, isic2019.FOLDER, isic2019.GROUND_TRUTH_FILE) / name).resolve()
        )
    assert made(tmp_path, PROJECT / "DATA" / "splits") == 0
    ours, theirs = (
        read_csv(find_dataset_folder(root, isic2017.FOLDER, isic2017.LABELS) / isic2017.LABELS, LABEL_COLUMNS)
        .assign(age=lambda rows: pd.to_numeric(rows["age"]))
        .sort_values("image", ignore_index=True)
        for root in (tmp_path, data_root)
    )
    pd.testing.assert_frame_equal(ours, theirs)
