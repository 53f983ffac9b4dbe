import pytest

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
