"""Find files of a search that a full disk or a power cut left empty or incomplete, and set them aside."""

import errno
import json
from pathlib import Path
from typing import Any

from keras_tuner.engine import trial as trials

TRIAL_FILE, RESULT_FILE = "trial.json", "result.json"  # in the folder of each trial
ORACLE_FILE, TUNER_FILE = "oracle.json", "tuner0.json"  # what KerasTuner resumes from
BROKEN_PREFIX = "broken_"  # of a name that was set aside
FULL_DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT}
FULL_DISK_TEXT = "No space left on device"  # in errors of libraries that have no errno


def is_full_disk(error: BaseException | None) -> bool:
    """Return whether an error, or one that led to it, says that the disk is full."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in FULL_DISK_ERRORS:
            return True
        if FULL_DISK_TEXT in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def set_aside_broken_files(folder: Path) -> list[Path]:
    """Set aside files from which a search in `folder` cannot resume; return the old paths.

    A trial with an unreadable file loses its whole folder, and runs again. KerasTuner's own state is set aside too if it
    is unreadable or does not belong to the trials. The search then repeats all its draws from the seed, and each finished
    trial gives its result at once.
    """
    broken = [trial for trial in sorted(folder.glob("trial_*")) if not _is_whole_trial(trial)]
    if broken or not _is_whole_state(folder):
        broken += [folder / name for name in (ORACLE_FILE, TUNER_FILE) if (folder / name).exists()]
    for path in broken:
        set_aside(path)
    return broken


def set_aside(path: Path) -> Path:
    """Rename a file or folder so that no search reads it; return the new path."""
    number = 1
    while (target := path.with_name(f"{BROKEN_PREFIX}{number}_{path.name}")).exists():
        number += 1
    return path.rename(target)


def _is_whole_trial(folder: Path) -> bool:
    """Return whether all files of a trial can be read; a trial that has no file yet is whole."""
    if not any(folder.iterdir()):
        return True
    try:
        trials.Trial.load(str(folder / TRIAL_FILE))
        path = folder / RESULT_FILE
        result = json.loads(path.read_text()) if path.exists() else {}
        return FULL_DISK_TEXT not in result.get("failure", "")  # old versions wrote full disks as failures
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return False


def _is_whole_state(folder: Path) -> bool:
    """Return whether KerasTuner's state can be read and has exactly the trials that have a file."""
    if not (folder / TUNER_FILE).exists():
        return True  # KerasTuner starts from the seed, and reads no state
    try:
        json.loads((folder / TUNER_FILE).read_text())
        state: Any = json.loads((folder / ORACLE_FILE).read_text())
        started = set(state["start_order"])
    except (OSError, ValueError, LookupError, TypeError):
        return False
    return started == {
        path.parent.name.removeprefix("trial_") for path in folder.glob(f"trial_*/{TRIAL_FILE}")
    }
