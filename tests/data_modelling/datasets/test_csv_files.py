import csv

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from data_modelling.datasets.csv_files import read_csv
from data_modelling.inference.errors import InputError


@pytest.mark.parametrize("text", ["a,b\n1, x \n,NA\n", "a\tb\n1\t x \n\tNA\n", '\ufeff"a","b"\n1,x\n,NA\n'])
def test_cells_are_stripped_text_whatever_the_separator(tmp_path, text):
    path = tmp_path / "file"
    path.write_text(text, encoding="utf-8")
    assert read_csv(path, ("b", "a")).to_dict("list") == {"b": ["x", "NA"], "a": ["1", ""]}


def test_a_row_with_too_few_cells_has_empty_ones(tmp_path):
    path = tmp_path / "file.csv"
    path.write_text("a,b\n1\n")
    assert read_csv(path, ("a", "b")).to_dict("list") == {"a": ["1"], "b": [""]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a,c\n1,2\n", "file.csv has no column b;"),
        (b"a,b\n", "file.csv has no rows;"),
        (b"", "file.csv cannot be read as a csv file"),
        (b"a,b\n\xff\xfe,1\n", "file.csv cannot be read as a csv file"),
        (b"a,b\n1,2\n1,2,3,4\n", "file.csv cannot be read as a csv file"),
    ],
)
def test_a_wrong_file_is_one_sentence(tmp_path, content, message):
    path = tmp_path / "file.csv"
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        read_csv(path, ("a", "b"))
    assert message in str(error.value)


def test_an_absent_file_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match=r"none\.csv is not there"):
        read_csv(tmp_path / "none.csv", ("a",))


# The same files in every run.
BOUNDED = settings(max_examples=200, derandomize=True, deadline=None, database=None)
# Without control characters, which a csv cannot have; the separator of the file may stand in a cell.
cell = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"], include_characters="\n\t"), max_size=8)


@pytest.fixture(scope="module")
def any_csv(tmp_path_factory):
    return tmp_path_factory.mktemp("any") / "any.csv"


@BOUNDED
@given(
    rows=st.lists(st.tuples(cell, cell, cell), min_size=1, max_size=6),
    separator=st.sampled_from([",", "\t"]),
    written=st.sampled_from([("\n", csv.QUOTE_ALL), ("\r\n", csv.QUOTE_MINIMAL)]),
)
def test_cells_are_read_as_they_were_written(any_csv, rows, separator, written):
    terminator, quoting = written
    with any_csv.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=separator, lineterminator=terminator, quoting=quoting)
        writer.writerows([("a", "b", "c"), *rows])
    read = read_csv(any_csv, ("c", "a"))
    assert list(read.itertuples(index=False, name=None)) == [(c.strip(), a.strip()) for a, _, c in rows]


pieces = st.sampled_from(["a", "b", "1", ",", '"', "\n", "\r", "\t", "\0", "\ufeff", "é", "NA", "\x1b"])
scraps = st.lists(pieces, max_size=30).map(lambda parts: "".join(parts).encode())


@BOUNDED
@given(st.one_of(scraps, scraps.map(b"a,b\n".__add__), st.binary(max_size=100)))
@example(b"a,b\n1,2,3\n")
def test_any_file_is_read_as_cells_or_refused_in_one_line(any_csv, content):
    any_csv.write_bytes(content)
    cells, said = [""], str(any_csv)
    try:
        cells = read_csv(any_csv, ("a", "b")).to_numpy().ravel()
    except InputError as error:
        said = str(error)
    assert said.startswith(str(any_csv))
    assert said.isprintable()
    assert {type(value) for value in cells} == {str}
