import os
import subprocess
import sys

import pytest

from data_modelling import download
from tests.conftest import PROJECT


def ran(*options, **environment):
    return subprocess.run(
        [sys.executable, "-m", "data_modelling.download", *options],
        cwd=PROJECT,
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_a_terminal_the_question_is_not_answered_for_the_user(tmp_path):
    done = ran("isic2020", "--data-root", str(tmp_path))
    assert done.returncode == 2
    assert "needs about 49.4 GB" in done.stderr  # the archive and, before it is removed, its photos
    assert list(tmp_path.iterdir()) == []


def test_no_network_is_one_sentence_and_exit_2(tmp_path):
    done = ran("ham10000", "--yes", "--data-root", str(tmp_path), DATA_MIRROR="http://127.0.0.1:9")
    assert done.returncode == 2
    told = [line for line in done.stderr.splitlines() if "cannot be reached" in line]
    assert len(told) == 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("typed", "agreed"), [("y", True), ("YES ", True), ("", False), ("n", False)])
def test_the_question(monkeypatch, typed, agreed):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda _: typed)
    assert download._ask_for_consent("HAM10000 needs 4.2 GB.") is agreed
