import ast
import hashlib
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tools import environment
from tools.environment import NotPossible

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project of one lock; what would be run is noted instead, and works."""
    (tmp_path / "requirements.lock").write_text("first==1\n")
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    return tmp_path


@pytest.fixture
def commands(monkeypatch):
    """What was run; a fake environment appears where one is made."""
    noted = []

    def run(command, failure):
        noted.append(command)
        if command[1:3] == ["-m", "venv"]:
            python = Path(command[-1], "bin", "python")
            python.parent.mkdir(parents=True, exist_ok=True)
            python.touch()

    monkeypatch.setattr(environment, "run", run)
    return noted


def refresh(project):
    environment.refresh(project / "env", project / "requirements.lock")


def test_an_old_python_can_parse_the_file():
    source = (ROOT / "tools" / "environment.py").read_text()
    ast.parse(source, feature_version=(3, 6))
    with pytest.raises(SyntaxError):
        ast.parse("(a := 1)", feature_version=(3, 6))  # the check would notice


@pytest.mark.parametrize("version", [(3, 6), (3, 10), (3, 14)])
def test_an_unsupported_python_is_one_sentence(monkeypatch, version):
    monkeypatch.setattr(sys, "version_info", (*version, 1))
    with pytest.raises(NotPossible, match=rf"Python {version[0]}.{version[1]} is not supported"):
        environment.check_machine()


@pytest.mark.parametrize("version", [(3, 11), (3, 12), (3, 13)])
@pytest.mark.parametrize("machine", environment.PLATFORMS)
def test_supported_machines(monkeypatch, version, machine):
    monkeypatch.setattr(sys, "version_info", (*version, 1))
    monkeypatch.setattr("platform.system", lambda: machine[0])
    monkeypatch.setattr("platform.machine", lambda: machine[1])
    environment.check_machine()


def test_an_unsupported_platform_is_one_sentence(monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    with pytest.raises(NotPossible, match="riscv64 is not supported"):
        environment.check_machine()


@pytest.mark.parametrize("version", ["14.0", "15.7.1", "26.1"])
def test_a_supported_macos(monkeypatch, version):
    monkeypatch.setattr("platform.mac_ver", lambda: (version, ("", "", ""), "arm64"))
    environment.check_machine()


def test_an_old_macos_is_one_sentence(monkeypatch):
    monkeypatch.setattr("platform.mac_ver", lambda: ("13.7.8", ("", "", ""), "arm64"))
    with pytest.raises(NotPossible, match=r"macOS 13\.7\.8 is not supported: use 14 or newer"):
        environment.check_machine()


@pytest.mark.parametrize("absent", ["venv", "ensurepip"])
def test_a_python_without_venv_is_one_sentence(monkeypatch, absent):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == absent else object())
    with pytest.raises(NotPossible, match="python3-venv"):
        environment.check_machine()


def test_only_wheels_of_known_hash_are_installed(project, commands):
    refresh(project)
    assert commands[1][1:4] == ["-m", "pip", "install"]
    assert {"--require-hashes", "--only-binary=:all:"} < set(commands[1])
    assert commands[1][-2:] == ["-r", str(project / "requirements.lock")]


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """The only package that pip can find: an empty one, made here."""
    path = tmp_path / "anything-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as file:
        about = "anything-1.0.dist-info"
        file.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: anything\nVersion: 1.0\n")
        file.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{about}/RECORD", "")
    settings = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": "/dev/null", "PIP_FIND_LINKS": str(tmp_path)}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return path


@pytest.fixture
def env(project, monkeypatch):
    """An environment that costs nothing to make: the pip of this one, and a folder for what it installs."""
    folder = project / "env"
    python = folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
    python.chmod(0o755)
    monkeypatch.setenv("PIP_TARGET", str(folder / "packages"))
    return folder


def test_a_file_of_another_hash_is_refused(project, env, wheel):
    lock = project / "requirements.lock"
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    for line in (f"anything==1.0 --hash=sha256:{'0' * 64}", "anything==1.0"):
        lock.write_text(f"{line}\n")
        with pytest.raises(NotPossible, match="cannot be installed"):
            environment.install(env, lock)
    assert not (env / "packages").exists()
    lock.write_text(f"anything==1.0 --hash=sha256:{digest}\n")
    environment.install(env, lock)
    assert (env / "packages" / "anything-1.0.dist-info").is_dir()


def test_the_second_time_nothing_is_done(project, commands):
    refresh(project)
    assert len(commands) == 2
    refresh(project)
    assert len(commands) == 2


def test_a_changed_lock_is_installed_into_the_same_environment(project, commands):
    refresh(project)
    (project / "requirements.lock").write_text("first==2\n")
    refresh(project)
    assert len(commands) == 4
    assert "--clear" not in commands[2]


def test_another_python_starts_from_an_empty_environment(project, commands, monkeypatch):
    refresh(project)
    monkeypatch.setattr(environment, "python_line", lambda: "python 3.99\n")
    refresh(project)
    assert "--clear" in commands[2]


def test_an_environment_whose_python_is_gone_is_made_again(project, commands):
    refresh(project)
    (project / "env" / "bin" / "python").unlink()
    refresh(project)
    assert len(commands) == 4


def test_a_failed_installation_does_not_count_as_whole(project, commands, monkeypatch):
    def fail(folder, lock):
        raise NotPossible("no network")

    monkeypatch.setattr(environment, "install", fail)
    with pytest.raises(NotPossible):
        refresh(project)
    monkeypatch.undo()
    assert not (project / "env" / environment.STAMP).exists()


def test_a_failed_update_does_not_count_as_whole(project, commands, monkeypatch):
    refresh(project)
    (project / "requirements.lock").write_text("first==2\n")
    monkeypatch.setattr(environment, "install", lambda *_: environment.run(["false"], "no network"))
    monkeypatch.setattr(environment, "run", fail_with("no network"))
    with pytest.raises(NotPossible):
        refresh(project)
    assert not (project / "env" / environment.STAMP).exists()


def fail_with(text):
    def run(command, failure):
        raise NotPossible(text)

    return run


def test_what_a_command_complained_of_last_is_told():
    program = "import sys; print('WARNING: one\\nERROR: no such host', file=sys.stderr); sys.exit(1)"
    with pytest.raises(NotPossible, match=r"^It failed: ERROR: no such host$"):
        environment.run([sys.executable, "-c", program], "It failed")


def test_without_a_network_the_command_says_one_sentence_and_ends_with_2(tmp_path):
    """pip is cut off from every source; the environment itself is made from what Python brings."""
    for name in ("tools", "app"):
        (tmp_path / name).mkdir()
    script = tmp_path / "tools" / "environment.py"
    script.write_text((ROOT / "tools" / "environment.py").read_text())
    (tmp_path / "app" / "requirements.lock").write_text(
        f"no-such-package-anywhere==1 --hash=sha256:{'0' * 64}\n"
    )
    cut_off = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": "/dev/null", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, script, "app"], check=False, env=cut_off, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "app/requirements.lock cannot be installed" in done.stderr
    assert not (tmp_path / ".venv" / "app" / environment.STAMP).exists()


def test_the_app_needs_neither_tensorflow_nor_pandas():
    text = (ROOT / "app" / "requirements.txt").read_text()
    packages = [line.split(">=")[0] for line in text.splitlines() if line and not line.startswith("#")]
    assert packages == [
        "flask",
        "flask-babel",
        "flask-limiter",
        "numpy",
        "onnxruntime",
        "pillow",
        "pydicom",
        "waitress",
    ]
