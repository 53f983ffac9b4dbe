import logging
import threading
from pathlib import Path

import numpy as np
import pytest

from data_modelling.inference.drift import score_log
from data_modelling.inference.drift.score_log import ScoreLog, read_score_log
from data_modelling.inference.errors import InputError

CODES = ("MEL", "NV")


def test_what_is_written_is_read(tmp_path):
    scores = ScoreLog(tmp_path / "scores.csv", CODES)
    scores.append({"NV": 0.75, "MEL": 0.25}, nearness=-12.5)
    scores.append({"NV": 1, "MEL": 0})
    log = read_score_log(tmp_path / "scores.csv", CODES)
    assert {code: log.values[code].tolist() for code in CODES} == {"MEL": [0.25, 0], "NV": [0.75, 1]}
    assert log.values["nearness"][0] == -12.5
    assert np.isnan(log.values["nearness"][1])
    assert log.left_out == ()


def test_a_line_has_the_day_and_no_time(tmp_path):
    ScoreLog(tmp_path / "scores.csv", CODES).append({"NV": 0.75, "MEL": 0.25})
    head, line = (tmp_path / "scores.csv").read_text().splitlines()
    assert head == "day,MEL,NV,nearness"
    day, *rest = line.split(",")
    assert len(day) == len("2026-01-31")
    assert rest == ["0.250000", "0.750000", ""]


def test_only_the_owner_may_read_it(tmp_path):
    ScoreLog(tmp_path / "scores.csv", CODES).append({"NV": 0.75, "MEL": 0.25})
    assert (tmp_path / "scores.csv").stat().st_mode & 0o077 == 0


def test_lines_of_several_threads_stay_whole(tmp_path):
    scores = ScoreLog(tmp_path / "scores.csv", CODES)

    def write(share: float) -> None:
        for _ in range(100):
            scores.append({"MEL": share, "NV": 1 - share})

    threads = [threading.Thread(target=write, args=(n / 8,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log = read_score_log(tmp_path / "scores.csv", CODES)
    assert (len(log.values["MEL"]), log.left_out) == (800, ())
    assert sorted(set(log.values["MEL"])) == [n / 8 for n in range(8)]


def test_a_full_disk_is_reported_once_and_never_raised(tmp_path, monkeypatch, caplog):
    scores = ScoreLog(tmp_path / "scores.csv", CODES)
    real = score_log.os.write

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(score_log.os, "write", full)
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            scores.append({"NV": 0.75, "MEL": 0.25})
    assert len(caplog.records) == 1
    assert "No space left" in caplog.text
    monkeypatch.setattr(score_log.os, "write", real)
    scores.append({"NV": 0.75, "MEL": 0.25})
    assert len(read_score_log(tmp_path / "scores.csv", CODES).values["MEL"]) == 1


def test_lines_that_are_not_whole_are_counted_and_left_out(tmp_path: Path):
    good = "2026-01-02,0.25,0.75,"
    lines = ["day,MEL,NV,nearness", good, "2026-01-02,0.2", "2026-01-02,2,0.75,", "x,0.2,0.8,", f"{good}1,2"]
    (tmp_path / "scores.csv").write_text("\n".join(lines))
    scores = read_score_log(tmp_path / "scores.csv", CODES)
    assert scores.title == "1 answers of the app, from 2026-01-02 to 2026-01-02."
    assert scores.left_out == ("4 lines of the log are not complete.",)


@pytest.mark.parametrize("text", ["", "day,MEL,nearness\n", "day,MEL,NV,nearness\n"])
def test_what_is_no_log_of_this_bundle_is_refused(tmp_path, text):
    (tmp_path / "scores.csv").write_text(text)
    with pytest.raises(InputError, match=r"scores\.csv"):
        read_score_log(tmp_path / "scores.csv", CODES)


def test_a_log_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_score_log(tmp_path / "scores.csv", CODES)
