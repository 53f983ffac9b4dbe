import pytest

from data_modelling.datasets.csv_reader import read_csv, read_pairs
from data_modelling.inference.errors import InputError
from data_modelling.inference.files.csv_table import RowFindings


@pytest.fixture
def write(tmp_path):
    def write_file(content):
        path = tmp_path / "file.csv"
        path.write_text(content, encoding="utf-8")
        return path

    return write_file


@pytest.mark.parametrize(
    "content", ["a,b\n1, x \n,NA\n", "a\tb\n1\t x \n\tNA\n", '\ufeff"A";"b"\n1;x\n;NA\n']
)
def test_cells_are_stripped_text_whatever_the_separator(write, content):
    assert read_csv(write(content), ("b", "a")).to_dict("list") == {"b": ["x", ""], "a": ["1", ""]}


def test_a_row_with_too_few_cells_has_empty_ones(write):
    assert read_csv(write("a,b\n1\n"), ("a", "b")).to_dict("list") == {"a": ["1"], "b": [""]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,c\n1,2\n", "file.csv lacks the column b;"),
        ("a,b\n", "file.csv has no rows;"),
        ("", "lacks the column a, b;"),
    ],
)
def test_a_wrong_file_is_one_sentence(write, content, message):
    with pytest.raises(InputError) as error:
        read_csv(write(content), ("a", "b"))
    assert message in str(error.value)


def test_an_absent_file_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match=r"none\.csv is missing; DATA/README\.md tells how to get it\.$"):
        read_csv(tmp_path / "none.csv", ("a",))


def test_rows_that_do_not_count_go_to_the_findings(write):
    findings = RowFindings()
    frame = read_csv(write("id,a\nx.jpg,1\ny,2\nx,1\ny,3\nz,4\n"), ("id", "a"), "id", findings)
    assert frame.to_dict("list") == {"id": ["x", "z"], "a": ["1", "4"]}
    assert frame.index.tolist() == [0, 1]
    assert findings == RowFindings(["x (row 4)"], ["y (row 3)", "y (row 5)"])


def test_without_findings_they_are_a_warning(write, capsys):
    path = write("id,a\nx,1\nx,1\n")
    for _ in range(2):
        assert len(read_csv(path, ("id", "a"), "id")) == 1
    assert capsys.readouterr().err == f"warning: {path}: repeated rows, each counted once: 1 (x (row 3)).\n"


def test_pairs_are_ids(write):
    assert read_pairs(write("image_id_1;image_id_2\na.jpg;b\n")) == [("a", "b")]
