"""Tests of the one csv reader. The cases are those of ../shared/cases, with small files of the same kinds."""

import codecs
import csv
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from data_modelling.inference.errors import InputError
from data_modelling.inference.files.csv_table import (
    MISSING,
    distinct_rows,
    normalize_image_id,
    read_csv_table,
)

COLUMNS = ("image", "age")
EXPECTED = {"image": ["ä1", "b"], "age": ["45", ""]}


@pytest.fixture
def write(tmp_path):
    def write_file(content: str | bytes):
        path = tmp_path / "table.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write_file


@pytest.mark.parametrize(
    "content",
    [
        "image,age\nä1,45\nb,\n",
        "age;image\r\n45;ä1\r\n;b\r\n",
        "image\tage\rä1\t45\rb\r",
        '"image";"age"\n"ä1";"45"\n"b";""\n',
        " Image , AGE \n ä1 , 45\n b ,\n",
        'image, age, note\nä1, 45, "x, y"\nb, , \n',
        "sep=;\nimage;age\nä1;45\nb;\n",
        "\n\nimage,age\n\nä1,45\n , \nb\n",
        "image,age\nä1,45,,\nb,,,\n",
        "other,image,age\n1,2;3,x\n".replace("1,2;3,x", "1,ä1,45") + "2,b,\n",
        "\ufeffimage,age\nä1,45\nb,\n",
        codecs.BOM_UTF16_LE + "image;age\nä1;45\nb;\n".encode("utf-16-le"),
        codecs.BOM_UTF16_BE + "image\tage\nä1\t45\nb\t\n".encode("utf-16-be"),
        "image,age\nä1,45\nb, \n".encode("utf-16-le"),
        "image;age\nä1;45\nb;\n".encode("cp1252"),
        "image,age\nä1,45\nb,NA\n",
        "image,age\nä1,45\nb,N/A\n",
        "image,age\nä1,45\nb,NaN\n",
        "image,age\nä1,45\nb,NULL\n",
        "image,age\na\u03081.JPG,45\nb.dcm,\n",
        '"image" "age"\n'.replace(" ", ",") + '"1","ä1","45"\n"2","b",NA\n',
        '"image" "age"\n"1" "ä1" 45\n"2" "b" NA\n',
        "image;age\nä1;45\nb;#NV\n",
        "image;age\nä1;45\nb;k. A.\n",
        "image;age\nä1;45\nb;-\n",
    ],
    ids=lambda content: repr(content)[:40],
)
def test_each_kind_of_file_gives_the_same_table(write, content):
    table = read_csv_table(write(content), COLUMNS, ids=("image",), numbers=("age",))
    assert table.columns == EXPECTED


@pytest.mark.parametrize(
    ("content", "age"),
    [
        ("image;age\na;45,5\n", "45.5"),
        ("image\tage\na\t45,5\n", "45.5"),
        ('image,age\na,"45,5"\n', "45,5"),  # after a comma as separator, the parsers decide
        ("image;age\na;1,2,3\n", "1,2,3"),
    ],
)
def test_decimal_commas_are_points_where_the_separator_is_no_comma(write, content, age):
    assert read_csv_table(write(content), COLUMNS, numbers=("age",)).columns["age"] == [age]


def test_what_is_unusual_is_noted(write):
    path = write("image;age\nä;NA\nb;5\nc;NA\n".encode("cp1252"))
    assert read_csv_table(path, COLUMNS).notes == (
        f"{path}: the text is not UTF-8 and is read as cp1252.",
        f"{path}: NA in 2 cells of age (first in row 2) is read as missing.",
    )


def test_a_missing_spelling_is_an_id_like_any_other(write):
    assert read_csv_table(write("image,age\nNA,5\nnull,6\n"), COLUMNS, ids=("image",)).columns["image"] == [
        "NA",
        "null",
    ]


def test_columns_may_be_optional_or_have_other_names(write):
    table = read_csv_table(
        write("Patient ID,file\np,a\n"),
        ("image", "group", "age"),
        optional=("group", "age"),
        aliases={"image": ("file",), "group": ("patient_id",)},
    )
    assert table.columns == {"image": ["a"], "group": ["p"], "age": [""]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ISIC_0024306.jpg", "ISIC_0024306"),
        ("IMG.2023.01", "IMG.2023.01"),
        ("IMG.2023.01.JPEG", "IMG.2023.01"),
        (" a.Dcm ", "a"),
        ("a.dcm.png", "a"),  # as programs that convert DICOM files name them
        ("a .jpg", "a"),
        ("MEL/1.webp", "MEL/1"),
        (".png", ".png"),
        ("a.bmp", "a.bmp"),
        (unicodedata.normalize("NFD", "Läsion 1"), unicodedata.normalize("NFC", "Läsion 1")),
        ("L\udce4sion.JPG", "Läsion"),  # the byte E4 of a file name, which is ä in cp1252
    ],
)
def test_image_ids_are_composed_and_without_a_known_ending(text, expected):
    assert normalize_image_id(text) == expected


def test_repeats_count_once_and_contradictions_not_at_all(write):
    table = read_csv_table(write("image,age,x\na,1,1\nb,2,2\na,1,3\n\nc,3,4\nb,4,5\nc,3,6\nc,3,7\n"), COLUMNS)
    indices, findings = distinct_rows(table, "image")
    assert [table.columns["image"][index] for index in indices] == ["a", "c"]
    assert findings.repeated == ["a (row 4)", "c (row 8)", "c (row 9)"]
    assert findings.contradictory == ["b (row 3)", "b (row 7)"]
    assert findings.sentences() == [
        "repeated rows, each counted once: 3 (a (row 4), c (row 8), c (row 9))",
        "contradictory rows, all left out: 2 (b (row 3), b (row 7))",
    ]


def test_rows_that_write_a_value_in_other_ways_are_repeats(write):
    """Case 14: a csv that was put together from two programs' files writes ages and words in two ways."""
    rows = "image;age;sex\na;45,0;Male\na.jpg;45;male\nb;1;male\nb;10;male\nc;unknown;x\nc;;x\n"
    table = read_csv_table(write(rows), ("image", "age", "sex"), ids=("image",), numbers=("age",))
    indices, findings = distinct_rows(table, "image")
    assert indices == [0]
    assert findings.repeated == ["a (row 3)"]
    assert findings.contradictory == ["b (row 4)", "b (row 5)", "c (row 6)", "c (row 7)"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            "Patients of 2026;\n\nimage;age\na;1\n",
            r" lacks the column image, age; it needs image, age, and has Patients of 2026, \. Row 3 has them: remove the rows above it\.$",
        ),
        (b"", r" lacks the column image, age; it needs image, age, and has none\.$"),
        ("img;age\na;1\n", r" lacks the column image; it needs image, age, and has img, age\.$"),
        ("image,age,Age\na,1,2\n", r" has 2 columns age; keep one of them\.$"),
        ("image,age\na,1\nb,1,2\n", ", row 3: there are 3 cells, but the header has 2;"),
        (
            'image,age\na,1\nb,"2\nc,3\n',
            ", row 3: a quotation mark opens in this row or below it and is never closed;",
        ),
        ('image,age\na,"1"x\n', ", row 2: text follows a closing quotation mark;"),
        (f"image,age\na,{'x' * 140_000}\n", ", row 2: a cell has more than 131,072 characters;"),
        (b"image,age\na,\0\n", ", row 2: there is a NUL byte"),
        (b"image,age\na,1\nb\x81,2\n", r", row 3: a byte is not utf-8 or cp1252;"),
        (codecs.BOM_UTF16_LE + b"i\0m\0a", r", row 1: a byte is not utf-16;"),
    ],
)
def test_what_cannot_be_read_is_one_sentence_with_file_and_row(write, content, sentence):
    path = write(content)
    with pytest.raises(InputError, match=f"^{path}{sentence}") as error:
        read_csv_table(path, COLUMNS)
    assert str(error.value).isprintable()


def test_a_row_without_an_id_is_named(write):
    path = write("image,age\na,1\n ,2\n")
    with pytest.raises(InputError, match=f"^{path}, row 3: the image is not named; "):
        distinct_rows(read_csv_table(path, COLUMNS), "image")


# The same files in every run.
BOUNDED = settings(max_examples=300, derandomize=True, deadline=None, database=None)
cell = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"], include_characters="\n\t"), max_size=8)
PIECES = [
    "image",
    "age",
    "1",
    ",",
    ";",
    "\t",
    '"',
    "\n",
    "\r",
    "\0",
    "\ufeff",
    "é",
    "NA",
    "\x1b",
    "sep=;\n",
    "a\u0308",
]
texts = st.lists(st.sampled_from(PIECES), max_size=30).map("".join)
files = st.one_of(
    st.tuples(texts, st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1"])).map(
        lambda pair: pair[0].encode(pair[1], "replace")
    ),
    texts.map(lambda text: b"image,age\n" + text.encode()),
    st.binary(max_size=100),
)


@pytest.fixture(scope="module")
def any_csv(tmp_path_factory):
    return tmp_path_factory.mktemp("any") / "any.csv"


@BOUNDED
@given(files)
@example(b"image,age\n1,2,3\n")
def test_any_file_ends_in_a_table_or_in_one_sentence(any_csv, content):
    any_csv.write_bytes(content)
    table, sentence = None, str(any_csv)
    try:
        table = read_csv_table(any_csv, COLUMNS, ids=("image",), numbers=("age",))
        distinct_rows(table, "image")
    except InputError as error:
        sentence = str(error)
    assert sentence.startswith(str(any_csv))
    assert sentence.isprintable()
    if table is None:
        return
    assert {len(cells) for cells in table.columns.values()} == {len(table)}
    assert all(isinstance(value, str) for cells in table.columns.values() for value in cells)


@BOUNDED
@given(
    rows=st.lists(st.tuples(cell, cell, cell), min_size=1, max_size=6),
    separator=st.sampled_from([",", ";", "\t"]),
    written=st.sampled_from([("\n", csv.QUOTE_ALL), ("\r\n", csv.QUOTE_MINIMAL)]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_cells_are_read_as_they_were_written(any_csv, rows, separator, written, encoding):
    terminator, quoting = written
    with any_csv.open("w", newline="", encoding=encoding) as file:
        writer = csv.writer(file, delimiter=separator, lineterminator=terminator, quoting=quoting)
        writer.writerows([("a", "b", "c"), *rows])
    table = read_csv_table(any_csv, ("c", "a"))
    full = [row for row in rows if any(value.strip() for value in row)]
    assert table.columns == {"c": [as_read(row[2]) for row in full], "a": [as_read(row[0]) for row in full]}


def as_read(value: str) -> str:
    return "" if value.strip().lower() in MISSING else value.strip()
