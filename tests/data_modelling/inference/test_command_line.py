import os
import subprocess
import sys

import pytest

from data_modelling.inference.command_line import run_with_exit_status
from data_modelling.inference.errors import FieldError, InputError
from tests.conftest import PROJECT


def raising(error):
    def command():
        raise error

    return command


def test_done(capsys):
    assert run_with_exit_status(list) == 0
    assert capsys.readouterr() == ("", "")


def test_inputs_left_out_are_listed(capsys):
    assert run_with_exit_status(lambda: ["a: broken", "b: broken"]) == 3
    assert capsys.readouterr() == ("", "a: broken\nb: broken\n")


@pytest.mark.parametrize("error", [InputError("No data."), FieldError("age", "age_range", "No data.")])
def test_bad_input_is_one_sentence(capsys, error):
    assert run_with_exit_status(raising(error)) == 2
    assert capsys.readouterr() == ("", "No data.\n")


def test_a_file_that_the_system_refuses_is_one_sentence(capsys, tmp_path):
    assert run_with_exit_status(lambda: [(tmp_path / "absent").read_text()]) == 2
    assert capsys.readouterr().err == f"{tmp_path / 'absent'}: No such file or directory.\n"


def test_a_full_disk_is_one_sentence(capsys):
    assert run_with_exit_status(raising(OSError(28, "No space left on device"))) == 2
    assert capsys.readouterr().err == "A file: No space left on device.\n"


def test_ctrl_c(capsys):
    assert run_with_exit_status(raising(KeyboardInterrupt()), stopped="Go on with --resume.") == 130
    assert capsys.readouterr().err == "\nGo on with --resume.\n"


def test_ctrl_c_while_a_library_executes_a_string(tmp_path):
    (tmp_path / "stopped_command.py").write_text(
        "import signal, sys\n"
        "from data_modelling.inference.command_line import run_with_exit_status\n"
        "code = 'signal.raise_signal(signal.SIGINT)'\n"
        "sys.exit(run_with_exit_status(lambda: exec(code, {'signal': signal}) or []))\n"
    )
    stopped = subprocess.run(
        [sys.executable, "-m", "stopped_command"],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{PROJECT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert stopped.returncode == 130
    assert stopped.stderr == "\nStopped; incomplete files were removed.\n"


@pytest.mark.parametrize("error", [ValueError("a fault"), OSError("of a library")])
def test_a_fault_of_our_own_keeps_its_traceback(error):
    with pytest.raises(type(error)):
        run_with_exit_status(raising(error))
