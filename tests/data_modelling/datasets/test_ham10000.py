import csv
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from data_modelling.datasets import ham10000
from data_modelling.inference.errors import InputError
from tests.conftest import skip_unless_ci

HEADER = "lesion_id,image_id,dx,dx_type,age,sex,localization"
ROWS = (
    "HAM_0000001,ISIC_0024306,nv,follow_up,45.0,male,trunk",
    "HAM_0000001,ISIC_0024307,nv,follow_up,0.0,unknown,unknown",
    "HAM_0000002,ISIC_0024308,akiec,histo,80.0,female,acral",
)


def write_photos(folder, *image_ids):
    folder.mkdir(parents=True, exist_ok=True)
    for image_id in image_ids:
        Image.new("RGB", (6, 4)).save(folder / f"{image_id}.jpg")


def write_set(root, *rows, header=HEADER, name="HAM10000_metadata.csv"):
    """HAM10000's layout with these rows and a photo for each."""
    root.mkdir(parents=True, exist_ok=True)
    (root / name).write_text("\n".join((header, *rows)) + "\n")
    write_photos(root / "HAM10000_images_part_1_and_2", *(row.split(",")[1] for row in rows))


def test_the_original_layout_becomes_the_table(tmp_path):
    write_set(tmp_path / "HAM10000", *ROWS)
    table, report = ham10000.load(tmp_path)
    assert not report
    assert table["image_id"].tolist() == ["ISIC_0024306", "ISIC_0024307", "ISIC_0024308"]
    assert table["diagnosis"].tolist() == ["NV", "NV", "AKIEC"]
    assert table["group_id"].tolist() == ["HAM_0000001", "HAM_0000001", "HAM_0000002"]
    assert table["site"].tolist()[::2] == ["torso", "palms/soles"]
    assert table["sex"].isna().tolist() == table["site"].isna().tolist() == [False, True, False]
    assert set(table["source"]) == {"HAM10000"}
    assert table["confirmation"].tolist() == ["follow_up", "follow_up", "histo"]


@pytest.mark.parametrize(
    "folder", ["HAM10000_segmentations_lesion", "HAM10000_segmentations_lesion_tschandl"]
)
def test_outlines_are_found_by_the_photos_id(tmp_path, folder):
    write_set(tmp_path / "HAM10000", *ROWS)
    assert ham10000.outline_paths(tmp_path) == {}
    path = tmp_path / "HAM10000" / folder / "ISIC_0024306_segmentation.png"
    path.parent.mkdir()
    Image.new("1", (6, 4)).save(path)
    assert ham10000.outline_paths(tmp_path) == {"ISIC_0024306": str(path)}


def test_age_zero_is_read_as_missing(tmp_path):
    write_set(tmp_path, *ROWS)
    np.testing.assert_array_equal(ham10000.load(tmp_path)[0]["age"], [45.0, np.nan, 80.0])


@pytest.mark.parametrize("name", ["HAM10000_metadata", "HAM10000_metadata.tab"])
def test_dataverses_file_names_give_the_same_table(tmp_path, name):
    write_set(tmp_path / "csv", *ROWS)
    write_set(tmp_path / "other", *ROWS, name=name)
    text = (tmp_path / "other" / name).read_text()
    if name.endswith(".tab"):
        (tmp_path / "other" / name).write_text(text.replace(",", "\t"))
    table = ham10000.load(tmp_path / "other")[0].drop(columns="path")
    assert table.equals(ham10000.load(tmp_path / "csv")[0].drop(columns="path"))


def test_dataverses_two_folders_are_read_together(tmp_path):
    write_set(tmp_path, *ROWS)
    (tmp_path / "HAM10000_images_part_1_and_2").rename(tmp_path / "HAM10000_images_part_1")
    photo = tmp_path / "HAM10000_images_part_1" / "ISIC_0024308.jpg"
    (tmp_path / "HAM10000_images_part_2").mkdir()
    photo.rename(tmp_path / "HAM10000_images_part_2" / photo.name)
    table, report = ham10000.load(tmp_path, strict=True)
    assert len(table) == 3
    assert not report


def test_an_undeclared_duplicate_joins_the_lesions_of_both_photos(tmp_path):
    # ISIC_0033481 and ISIC_0033421 are the first pair of the published list.
    write_set(
        tmp_path,
        "HAM_0000009,ISIC_0033481,nv,histo,45.0,male,back",
        "HAM_0000004,ISIC_0033421,nv,histo,45.0,male,back",
        "HAM_0000009,ISIC_0000001,nv,histo,45.0,male,back",
        "HAM_0000005,ISIC_0000002,nv,histo,45.0,male,back",
    )
    groups = ham10000.load(tmp_path)[0]["group_id"].tolist()
    assert groups == ["HAM_0000004", "HAM_0000004", "HAM_0000004", "HAM_0000005"]


def test_contradictory_rows_are_all_left_out(tmp_path):
    """One photo is a melanoma and a mole, in two lesions: it is neither, and it joins no lesions (case 21)."""
    write_set(tmp_path, "HAM_0000000,ISIC_0024308,mel,histo,80.0,female,acral", *ROWS)
    table, report = ham10000.load(tmp_path)
    assert table["image_id"].tolist() == ["ISIC_0024306", "ISIC_0024307"]
    assert report.contradictory_rows == ("ISIC_0024308 (row 2)", "ISIC_0024308 (row 5)")
    assert report.photos_without_row == ("ISIC_0024308",)
    with pytest.raises(
        InputError, match=r"contradictory rows: 2 \(ISIC_0024308 \(row 2\), ISIC_0024308 \(row 5\)\)"
    ):
        ham10000.load(tmp_path, strict=True)


def test_exact_repeats_count_once(tmp_path):
    """A public csv has rows more than once, under other row numbers (case 14)."""
    header = f"n,{HEADER}"
    write_set(tmp_path, *ROWS)
    lines = [header, *(f"{n},{row}" for n, row in enumerate((ROWS[0], ROWS[0], *ROWS[1:], ROWS[0])))]
    (tmp_path / "HAM10000_metadata.csv").write_text("\n".join(lines) + "\n")
    table, report = ham10000.load(tmp_path)
    assert table["image_id"].tolist() == ["ISIC_0024306", "ISIC_0024307", "ISIC_0024308"]
    assert report.repeated_rows == ("ISIC_0024306 (row 3)", "ISIC_0024306 (row 6)")
    with pytest.raises(InputError, match="repeated rows: 2"):
        ham10000.load(tmp_path, strict=True)


def test_a_csv_of_german_excel_or_of_r_is_the_same_table(tmp_path, capsys):
    """Semicolons, decimal commas and a byte-order mark (case 11); R's row names, quotes and NA (case 15)."""
    for name in ("original", "excel", "r"):
        write_set(tmp_path / name, *ROWS)
    german = "\ufeff" + "\r\n".join([HEADER.upper(), *ROWS]).replace(",", ";").replace(".0", ",0")
    (tmp_path / "excel" / "HAM10000_metadata.csv").write_text(german, encoding="utf-8")
    cells = [["", *HEADER.split(",")], *([str(n), *row.split(",")] for n, row in enumerate(ROWS, start=1))]
    quoted = "\n".join(",".join(f'"{cell}"' for cell in row) for row in cells).replace('"0.0"', "NA")
    (tmp_path / "r" / "HAM10000_metadata.csv").write_text(quoted)
    tables = [
        ham10000.load(tmp_path / name, strict=True)[0].drop(columns="path")
        for name in ("original", "excel", "r")
    ]
    assert tables[1].equals(tables[0])
    assert tables[2].equals(tables[0])
    assert "NA in 1 cells of age (first in row 3) is read as missing." in capsys.readouterr().err


def test_ids_may_have_endings_and_photos_decomposed_names(tmp_path):
    rows = [row.replace("ISIC_", "Läsion ") for row in ROWS]
    write_set(tmp_path, *rows)
    photos = tmp_path / "HAM10000_images_part_1_and_2"
    for path in list(photos.iterdir()):
        path.rename(photos / unicodedata.normalize("NFD", path.name))
    ids = [row.split(",")[1] for row in rows]
    lines = [row.replace(image_id, f"{image_id}.JPG") for row, image_id in zip(rows, ids, strict=True)]
    (tmp_path / "HAM10000_metadata.csv").write_text("\n".join([HEADER, *lines]) + "\n", encoding="utf-8")
    table, _ = ham10000.load(tmp_path, strict=True)
    assert table["image_id"].tolist() == ids


@pytest.mark.parametrize("name", ["ham10000_IMAGES_part_1", "HAM10000_images_part_1/HAM10000_images_part_1"])
def test_nested_folders_and_folders_in_other_case_are_found(tmp_path, name):
    write_set(tmp_path, *ROWS)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / "HAM10000_images_part_1_and_2").rename(tmp_path / name)
    assert len(ham10000.load(tmp_path, strict=True)[0]) == 3


def test_a_csv_without_a_column_is_named_with_the_column(tmp_path):
    write_set(tmp_path, "HAM_0000001,ISIC_0024306,nv", header="lesion_id,image_id,dx")
    with pytest.raises(InputError, match=r"HAM10000_metadata\.csv lacks the column dx_type, age, sex, local"):
        ham10000.load(tmp_path)


def test_absent_photos_are_named_with_their_folders(tmp_path):
    (tmp_path / "HAM10000_metadata.csv").write_text(f"{HEADER}\n{ROWS[0]}\n")
    with pytest.raises(InputError, match="neither HAM10000_images_part_1_and_2 nor HAM10000_images_part_1"):
        ham10000.load(tmp_path)


@pytest.fixture(scope="module")
def three_photos(tmp_path_factory):
    """A data set with the photos A, B and C and no csv."""
    root = tmp_path_factory.mktemp("three")
    write_photos(root / "HAM10000_images_part_1_and_2", "A", "B", "C")
    return root


# It begins with a sign that no spelling of a missing value is; "?" alone is one (see inference.files.csv_table).
junk = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=5).map("!".__add__)
# What a cell says and how it is read: None is missing, False is not accepted.
age = st.one_of(
    st.sampled_from([("45.0", 45), ("0.0", None), ("", None)]), junk.map(lambda text: (text, False))
)
site = st.one_of(
    st.sampled_from([("back", "posterior torso"), ("unknown", None)]), junk.map(lambda text: (text, False))
)
row = st.tuples(st.sampled_from("ABCD"), st.one_of(st.sampled_from(["nv", "mel"]), junk), age, site)


@settings(max_examples=100, derandomize=True, deadline=None, database=None)
@given(rows=st.lists(row, min_size=1, max_size=8))
def test_each_row_is_used_or_reported_whatever_its_cells_say(three_photos, rows):
    with (three_photos / "HAM10000_metadata.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER.split(","))
        writer.writerows(
            ("L", name, dx, "histo", years[0], "male", place[0]) for name, dx, years, place in rows
        )
    texts = [(name, dx, years[0].strip(), place[0].strip()) for name, dx, years, place in rows]
    by_name = {name: {text for text in texts if text[0] == name} for name, *_ in rows}
    contradictory = {name for name, of_name in by_name.items() if len(of_name) > 1}
    first = {name: number for number, (name, *_) in reversed(list(enumerate(rows)))}
    distinct = [
        each for number, each in enumerate(rows) if first[each[0]] == number and each[0] not in contradictory
    ]
    used = [each for each in distinct if each[0] != "D" and each[1] in {"nv", "mel"}]
    if not used:
        with pytest.raises(
            InputError, match="No photo of the data set can be used|No id of the csv belongs to a photo"
        ):
            ham10000.load(three_photos)
        return
    table, report = ham10000.load(three_photos)
    assert table["image_id"].tolist() == [name for name, *_ in used]
    np.testing.assert_array_equal(table["age"], [years[1] or np.nan for _, _, years, _ in used])
    assert [place or None for place in table["site"].fillna("")] == [place[1] or None for *_, place in used]
    assert len(report.values_not_accepted) == sum((one[2][1] is False) + (one[3][1] is False) for one in used)
    assert len(report.unknown_diagnoses) == sum(dx not in {"nv", "mel"} for _, dx, *_ in distinct)
    assert len(report.contradictory_rows) == sum(name in contradictory for name, *_ in rows)
    assert len(report.repeated_rows) == len(rows) - len(report.contradictory_rows) - len(distinct)
    assert report.rows_without_photo == ("D",) * sum(name == "D" for name, *_ in distinct)


def test_the_list_of_undeclared_duplicates_has_twenty_pairs_of_different_photos():
    pairs = ham10000.undeclared_duplicates()
    assert len(pairs) == 20
    assert len({image_id for pair in pairs for image_id in pair}) == 40


def test_the_real_data_set_is_read_whole(data_root):
    table, report = ham10000.load(data_root, strict=True)
    assert not report
    assert table["diagnosis"].value_counts().to_dict() == {
        "NV": 6705,
        "MEL": 1113,
        "BKL": 1099,
        "BCC": 514,
        "AKIEC": 327,
        "VASC": 142,
        "DF": 115,
    }
    assert table["group_id"].nunique() == 7470 - 20
    assert table["age"].isna().sum() == 57 + 39
    assert table[["sex", "site"]].isna().sum().tolist() == [57, 234]


def test_every_real_photo_has_an_outline(data_root):
    outlines = ham10000.outline_paths(data_root)
    if not outlines:
        skip_unless_ci("the lesions' outlines of HAM10000 are not there")
    assert set(ham10000.load(data_root)[0]["image_id"]) <= set(outlines)
