"""A lock that one process holds, and that ends with the process."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from data_modelling.inference.errors import InputError
from data_modelling.inference.files.file_locks import exclusive_lock
from tests.conftest import PROJECT

HOLDER = """
import sys
from pathlib import Path
from data_modelling.inference.files.file_locks import exclusive_lock
with exclusive_lock(Path(sys.argv[1]), "refused"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_the_second_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with (
        exclusive_lock(path, "first"),
        pytest.raises(InputError, match=r"^Wait\.$"),
        exclusive_lock(path, "Wait."),
    ):
        pass
    with exclusive_lock(path, "Wait."):
        assert path.exists()


def test_a_killed_process_holds_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(InputError), exclusive_lock(path, "Wait."):
            pass
        process.send_signal(signal.SIGKILL)
        process.wait()
    with exclusive_lock(path, "Wait."):
        pass


def test_a_folder_that_cannot_be_written_is_the_systems_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"), exclusive_lock(tmp_path / "file" / "lock", "Wait."):
        pass
