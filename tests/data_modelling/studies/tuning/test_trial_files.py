"""Empty and torn files of a search are found and set aside."""

import errno
import json
from pathlib import Path

import keras_tuner
import pytest
from keras_tuner.engine import trial as trials

from data_modelling.studies.tuning.trial_files import (
    ORACLE_FILE,
    RESULT_FILE,
    TRIAL_FILE,
    TUNER_FILE,
    is_full_disk,
    set_aside,
    set_aside_broken_files,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A search with two finished trials and one that has only its folder."""
    for name in ("0", "1"):
        trial = tmp_path / f"trial_{name}"
        trial.mkdir()
        trials.Trial(keras_tuner.HyperParameters(), name).save(str(trial / TRIAL_FILE))
        (trial / RESULT_FILE).write_text('{"macro_auc": 0.7}')
    (tmp_path / "trial_2").mkdir()
    (tmp_path / ORACLE_FILE).write_text(json.dumps({"start_order": ["0", "1"]}))
    (tmp_path / TUNER_FILE).write_text("{}")
    return tmp_path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_whole_search_stays_as_it_is(folder: Path) -> None:
    before = names(folder)
    assert set_aside_broken_files(folder) == []
    assert names(folder) == before
    assert set_aside_broken_files(folder / "none") == []


@pytest.mark.parametrize("content", ["", "{", '{"trial_id": "1"', "null", "[]", "{}", "\0" * 40])
@pytest.mark.parametrize("file", [TRIAL_FILE, RESULT_FILE])
def test_a_trial_with_an_unreadable_file_is_set_aside_with_the_state(
    folder: Path, file: str, content: str
) -> None:
    if (file, content) == (RESULT_FILE, "{}"):
        content = '{"macro_auc": 0.5, "failure": "OSError: [Errno 28] No space left on device"}'
    (folder / "trial_1" / file).write_text(content)
    broken = set_aside_broken_files(folder)
    assert broken == [folder / "trial_1", folder / ORACLE_FILE, folder / TUNER_FILE]
    assert names(folder) == [
        "broken_1_oracle.json",
        "broken_1_trial_1",
        "broken_1_tuner0.json",
        "trial_0",
        "trial_2",
    ]
    assert (folder / "broken_1_trial_1" / file).read_text() == content


@pytest.mark.parametrize("file", [ORACLE_FILE, TUNER_FILE])
@pytest.mark.parametrize("content", ["", '{"start_order": ["0"', '{"start_order": ["0"]}'])
def test_a_state_that_is_torn_or_of_other_trials_is_set_aside(folder: Path, file: str, content: str) -> None:
    (folder / file).write_text(content)
    expected = [folder / ORACLE_FILE, folder / TUNER_FILE]
    if (file, content) == (TUNER_FILE, '{"start_order": ["0"]}'):
        expected = []  # KerasTuner keeps nothing in this file
    assert set_aside_broken_files(folder) == expected


def test_a_trial_that_the_state_lacks_lets_the_search_repeat_its_draws(folder: Path) -> None:
    trials.Trial(keras_tuner.HyperParameters(), "2").save(str(folder / "trial_2" / TRIAL_FILE))
    assert set_aside_broken_files(folder) == [folder / ORACLE_FILE, folder / TUNER_FILE]
    # Without KerasTuner's file nothing is read of its state.
    assert set_aside_broken_files(folder) == []


def test_no_name_is_used_twice(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / "oracle.json").touch()
        assert set_aside(tmp_path / "oracle.json").name == f"broken_{number}_oracle.json"


def test_a_full_disk_is_found_in_an_error_and_in_those_that_led_to_it() -> None:
    assert is_full_disk(OSError(errno.ENOSPC, "No space left on device"))
    assert is_full_disk(OSError("Can't write data (errno = 28, error message = 'No space left on device')"))
    assert not is_full_disk(OSError(errno.EACCES, "Permission denied"))
    assert not is_full_disk(None)
    error = ValueError("cannot save")
    error.__cause__ = OSError(errno.EDQUOT, "Disk quota exceeded")
    assert is_full_disk(error)
