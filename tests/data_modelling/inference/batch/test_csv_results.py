import csv
import json
from pathlib import Path

import pytest

from data_modelling.inference.batch.csv_results import NOTE, open_csv_results
from data_modelling.inference.errors import InputError

COLUMNS = {"rows": ["image", "value"], "errors": ["image"]}


@pytest.fixture
def targets(tmp_path) -> dict[str, Path]:
    return {"rows": tmp_path / "p.csv", "errors": tmp_path / "p.errors.csv"}


class Killed(BaseException):
    """Ends a run."""


def stopped(targets, identity="a", photos=("x", "y")):
    """A run that ends after these photos."""

    def run():
        with open_csv_results(targets, COLUMNS, identity) as written:
            for photo in photos:
                written.write({"rows": [photo, "1"]})
            raise Killed

    with pytest.raises(Killed):
        run()


def test_files_appear_when_all_is_done(targets):
    with open_csv_results(targets, COLUMNS, "a") as written:
        written.write({"rows": ["x,", "1"]})
        written.write({"errors": ["y"]})
        assert [path.exists() for path in targets.values()] == [False, False]
        assert written.rows("errors") == [{"image": "y"}]
    assert targets["rows"].read_text() == 'image,value\n"x,",1\n'
    assert targets["errors"].read_text() == "image\ny\n"
    assert sorted(path.name for path in targets["rows"].parent.iterdir()) == ["p.csv", "p.errors.csv"]


def test_what_was_written_after_the_last_note_is_written_again(targets, tmp_path):
    stopped(targets)
    with (tmp_path / "p.csv.work" / "rows.csv").open("a") as file:
        file.write('z,1\n"half')  # as kill -9 leaves it
    with open_csv_results(targets, COLUMNS, "a") as written:
        assert written.done == 2
        written.write({"rows": ["z", "2"]})
    assert targets["rows"].read_text() == "image,value\nx,1\ny,1\nz,2\n"


def test_a_photo_whose_rows_were_not_all_written_at_the_stop_is_written_again(targets):
    class Stop(list):
        def __iter__(self):
            raise Killed

    with pytest.raises(Killed), open_csv_results(targets, COLUMNS, "a") as written:
        written.write({"rows": ["x", "1"], "errors": Stop()})
    with open_csv_results(targets, COLUMNS, "a") as written:
        assert written.done == 0
        written.write({"rows": ["x", "1"], "errors": ["x"]})
    assert targets["rows"].read_text() == "image,value\nx,1\n"
    assert targets["errors"].read_text() == "image\nx\n"


def test_a_name_with_a_carriage_return_is_one_row(targets):
    with open_csv_results(targets, COLUMNS, "a") as written:
        written.write({"rows": ["x\r", "1"]})
        written.write({"errors": ["y\r"]})
        assert written.rows("errors") == [{"image": "y\r"}]
    with targets["rows"].open(newline="") as file:
        assert list(csv.reader(file)) == [["image", "value"], ["x\r", "1"]]


@pytest.mark.parametrize(
    "harm",
    [
        lambda work: (work / NOTE).unlink(),
        lambda work: (work / NOTE).write_text('{"identity"'),
        lambda work: (work / NOTE).write_text("[]"),
        lambda work: (work / NOTE).write_text(json.dumps({"identity": "a", "photos": 2})),
        lambda work: (work / "rows.csv").write_text("im"),
        lambda work: (work / "errors.csv").unlink(),
    ],
)
def test_what_cannot_be_gone_on_with_is_begun_anew(targets, tmp_path, harm):
    stopped(targets)
    harm(tmp_path / "p.csv.work")
    with open_csv_results(targets, COLUMNS, "a") as written:
        assert written.done == 0
        written.write({"rows": ["x", "3"]})
    assert targets["rows"].read_text() == "image,value\nx,3\n"


def test_another_identity_is_begun_anew(targets):
    stopped(targets)
    with open_csv_results(targets, COLUMNS, "b") as written:
        assert written.done == 0
    assert targets["rows"].read_text() == "image,value\n"


def test_one_run_at_a_time(targets):
    with (
        open_csv_results(targets, COLUMNS, "a"),
        pytest.raises(InputError, match=r"Another run is writing .*p\.csv"),
        open_csv_results(targets, COLUMNS, "a"),
    ):
        pass
