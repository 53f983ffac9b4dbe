import pandas as pd
import pytest

from data_modelling import split as command
from data_modelling.datasets import ham10000, isic2017
from data_modelling.datasets.data_location import (
    REPOSITORY_DATA,
    MissingDataError,
    find_dataset_folder,
)
from data_modelling.datasets.formats.synthetic_lesions import write_synthetic_lesions
from data_modelling.datasets.isic2019 import original_ids
from data_modelling.datasets.registry import split_data_sets
from data_modelling.datasets.splits.assignment import PARTS, attach_parts, read_split
from data_modelling.datasets.splits.files import split_file, write_splits
from data_modelling.datasets.table import read_csv
from data_modelling.inference.errors import InputError
from tests.conftest import skip_unless_ci

COMMITTED = REPOSITORY_DATA / "splits"
ROWS = {
    "ham10000": 10_015,
    "isic2017": 2_150,
    "isic2019": 25_331,
    "isic2020": 33_126,
    "isic_msk_uda": 93,
    "pad_ufes_20": 476,
}


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    """A data root with generated lesions and nothing else."""
    root = tmp_path_factory.mktemp("generated")
    write_synthetic_lesions(root, lesions=60, seed=0)
    return root


@pytest.fixture(scope="module")
def remade(data_root, tmp_path_factory):
    """The folder of the splits made anew from the real data."""
    out = tmp_path_factory.mktemp("splits")
    write_splits(data_root, out)
    return out


def test_the_data_sets_at_hand_are_split_and_the_others_named(generated, tmp_path, capsys):
    assert command.main(["--data-root", str(generated), "--out", str(tmp_path)]) == 3
    assert [file.name for file in tmp_path.iterdir()] == ["ham10000.csv"]
    assert set(read_split(tmp_path / "ham10000.csv")["part"]) == set(PARTS)
    assert capsys.readouterr().err.count("left out: ") == 5


def test_a_split_file_is_replaced_only_by_force(generated, tmp_path, capsys):
    file = tmp_path / "ham10000.csv"
    file.write_text("old")
    arguments = ["--data-root", str(generated), "--out", str(tmp_path)]
    assert command.main(arguments) == 2
    assert file.read_text() == "old"
    assert "add --force" in capsys.readouterr().err
    assert command.main([*arguments, "--force"]) == 3
    assert len(read_split(file)) > 60


@pytest.fixture
def two_sets(generated, tmp_path):
    """A data root with generated lesions and six photos of PAD-UFES-20; HAM10000's split is there already, in `out`."""
    (tmp_path / "HAM10000").symlink_to(generated)
    (tmp_path / "PAD_UFES_20").mkdir()
    rows = [f"{name}.png,P_{name},NEV" for name in "abcdef"]
    (tmp_path / "PAD_UFES_20" / "metadata.csv").write_text(
        "\n".join(["img_id,patient_id,diagnostic", *rows]) + "\n"
    )
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "ham10000.csv").write_text("old")
    return tmp_path


def test_only_the_named_data_set_is_split_beside_an_existing_split(two_sets, capsys):
    arguments = ["--data-root", str(two_sets), "--out", str(two_sets / "out")]
    assert command.main(arguments) == 2
    assert "Choose data sets with --only" in capsys.readouterr().err
    assert command.main([*arguments, "--only", "pad_ufes_20"]) == 0
    assert capsys.readouterr().err == ""  # the sets that were not named are not missed
    assert (two_sets / "out" / "ham10000.csv").read_text() == "old"
    assert read_split(two_sets / "out" / "pad_ufes_20.csv")["image_id"].tolist() == list("abcdef")


def test_only_may_be_repeated_and_replaces_nothing_without_force(two_sets, capsys):
    out = two_sets / "out"
    arguments = [
        "--data-root",
        str(two_sets),
        "--out",
        str(out),
        "--only",
        "pad_ufes_20",
        "--only",
        "ham10000",
    ]
    assert command.main(arguments) == 2
    assert [file.name for file in out.iterdir()] == ["ham10000.csv"]
    assert command.main([*arguments, "--force"]) == 0
    assert sorted(file.name for file in out.iterdir()) == ["ham10000.csv", "pad_ufes_20.csv"]
    assert len(read_split(out / "ham10000.csv")) > 60


def test_an_unknown_data_set_is_named_with_the_known_ones(two_sets, capsys):
    arguments = ["--data-root", str(two_sets), "--out", str(two_sets / "out"), "--only", "moles"]
    assert command.main(arguments) == 2
    assert capsys.readouterr().err == (
        "There is no data set moles to split; there are ham10000, isic2017, isic2019, isic2020, isic_msk_uda, pad_ufes_20. "
        "Class folders and shards get their split with --config RECIPE.\n"
    )


def test_no_data_at_all_is_one_sentence(tmp_path, capsys):
    assert command.main(["--data-root", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    errors = capsys.readouterr().err
    assert errors.startswith("HAM10000 is not there")
    assert errors.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_isic_2019_inherits_from_the_split_files_when_the_photos_are_absent(tmp_path):
    (tmp_path / "ISIC_2019_Training_GroundTruth.csv").write_text(
        "image,MEL,NV,BCC,AK,BKL,DF,VASC,SCC,UNK\na_downsampled,0,1,0,0,0,0,0,0,0\nb,0.0,0,0,0,0,0,0,1.0,0\n"
    )
    (tmp_path / "ISIC_2019_Training_Metadata.csv").write_text(
        "image,age_approx,anatom_site_general,lesion_id,sex\na_downsampled,,,L1,\nb,,,L1,\n"
    )
    out = tmp_path / "out"
    out.mkdir()
    (out / "ham10000.csv").write_text("image_id,group_id,part\na,L1,3\n")
    (out / "isic2017.csv").write_text("image_id,group_id,part\nz,z,0\n")
    write_splits(tmp_path, out)
    assert (out / "isic2019.csv").read_text() == "image_id,group_id,part\na_downsampled,L1,3\nb,L1,3\n"


def test_a_missing_split_from_which_another_inherits_is_explained(tmp_path):
    (tmp_path / "ISIC_2019_Training_GroundTruth.csv").write_text(
        "image,MEL,NV,BCC,AK,BKL,DF,VASC,SCC,UNK\na,0,1,0,0,0,0,0,0,0\n"
    )
    (tmp_path / "ISIC_2019_Training_Metadata.csv").write_text(
        "image,age_approx,anatom_site_general,lesion_id,sex\na,,,L1,\n"
    )
    with pytest.raises(InputError, match=r"are also in ham10000 .*ham10000\.csv is missing; copy the file"):
        write_splits(tmp_path, tmp_path / "out")


def test_a_row_of_isic_2019_with_two_classes_is_refused(tmp_path):
    (tmp_path / "ISIC_2019_Training_GroundTruth.csv").write_text(
        "image,MEL,NV,BCC,AK,BKL,DF,VASC,SCC,UNK\na,1,1,0,0,0,0,0,0,0\n"
    )
    with pytest.raises(InputError, match=r"ISIC_2019_Training_GroundTruth\.csv: each row must have 1"):
        write_splits(tmp_path, tmp_path / "out")


PAD = "img_id,patient_id,diagnostic\na.png,P1,NEV\nb.png,P2,NEV\nb.png,P2,NEV\na.png,P2,NEV\nc.png,P1,ACK\n"


def test_repeated_rows_count_once_and_contradictory_ones_are_left_out(tmp_path, capsys):
    """Photo a has two patients: it is in no part, and it does not join them."""
    (tmp_path / "labels.csv").write_text(PAD)
    arguments = ["--data-root", str(tmp_path), "--out", str(tmp_path / "out"), "--only", "pad_ufes_20"]
    assert command.main(arguments) == 3
    parts = read_split(tmp_path / "out" / "pad_ufes_20.csv")
    assert parts[["image_id", "group_id"]].to_numpy().tolist() == [["b", "P2"], ["c", "P1"]]
    assert capsys.readouterr().err.splitlines() == [
        "left out: pad_ufes_20: repeated rows, each counted once: 1 (b (row 4))",
        "left out: pad_ufes_20: contradictory rows, all left out: 2 (a (row 2), a (row 5))",
    ]
    assert command.main([*arguments, "--force", "--strict"]) == 2
    assert "repeated rows: 1 (b (row 4))" in capsys.readouterr().err


def test_ids_of_no_photo_are_refused(tmp_path, capsys):
    (tmp_path / "labels.csv").write_text(PAD)
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "other.png").touch()
    assert command.main(["--data-root", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "belongs to a photo there; the csv has 'b', 'c'." in capsys.readouterr().err
    (tmp_path / "images" / "C.PNG").touch()
    (tmp_path / "images" / "c.PNG").touch()
    assert command.main(["--data-root", str(tmp_path), "--out", str(tmp_path / "out")]) == 3


@pytest.mark.parametrize("name", ROWS)
def test_the_committed_split_is_complete_and_keeps_groups_whole(name):
    parts = read_split(split_file(COMMITTED, name))
    assert len(parts) == ROWS[name]
    assert set(parts["part"]) == set(PARTS) - ({"test"} if name == "isic2020" else set())


def test_every_photo_of_isic_2019_has_the_part_of_its_first_data_set():
    first = pd.concat([read_split(split_file(COMMITTED, name)) for name in ("ham10000", "isic2017")])
    later = read_split(split_file(COMMITTED, "isic2019"))
    both = later.assign(image_id=original_ids(later["image_id"])).merge(first, on="image_id")
    assert len(both) == 10_015 + 2_150
    assert (both["part_x"] == both["part_y"]).all()


@pytest.mark.parametrize(
    ("name", "pairs"),
    [
        ("ham10000", ham10000.UNDECLARED_DUPLICATES),
        ("isic2017", isic2017.UNDECLARED_DUPLICATES),
        ("isic2019", ham10000.UNDECLARED_DUPLICATES),
        ("isic2019", isic2017.UNDECLARED_DUPLICATES),
    ],
    ids=lambda value: getattr(value, "stem", value),
)
def test_undeclared_duplicates_are_one_group(name, pairs):
    parts = read_split(split_file(COMMITTED, name))
    groups = parts.assign(image_id=original_ids(parts["image_id"])).set_index("image_id")["group_id"]
    listed = read_csv(pairs, ("image_id_1", "image_id_2"))
    assert groups[listed["image_id_1"]].tolist() == groups[listed["image_id_2"]].tolist()


@pytest.mark.parametrize("source", split_data_sets(), ids=lambda source: source.name)
def test_the_committed_split_is_what_the_command_makes(remade, data_root, source):
    try:
        root = find_dataset_folder(data_root, source.folder, *source.markers)
    except MissingDataError as error:
        skip_unless_ci(str(error))
    made = split_file(remade, source.name)
    assert made.read_bytes() == split_file(COMMITTED, source.name).read_bytes()
    attach_parts(source.split_rows(root), read_split(made))


@pytest.mark.parametrize("recipe", ["all_clinics", "isic2020"])
def test_the_recipe_of_a_data_set_gets_no_split_that_ignores_other_splits(tmp_path, capsys, recipe):
    """ISIC 2019 would get a split in which photos of HAM10000's locked test train; ISIC 2020, a locked test."""
    config = REPOSITORY_DATA.parent / "data_modelling" / "configs" / f"{recipe}.toml"
    assert command.main(["--config", str(config), "--out", str(tmp_path)]) == 2
    assert "use --only." in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
