import ast
import compileall
import hashlib
import os
import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from tests.conftest import skip_unless_ci
from tests.packages import PIP_OF_PYTHON_311, PIP_OF_PYTHON_312, NotFetched, fetched
from tools import environment
from tools.environment import ENVIRONMENTS, LINUX, LINUX_ARM, MACOS, WINDOWS, NotPossible

ROOT = Path(__file__).parents[2]
# pip 22.3 does not run on later Pythons than the one that brings it.
OLD_PIPS = [PIP_OF_PYTHON_312, *([PIP_OF_PYTHON_311] if sys.version_info < (3, 12) else [])]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Make a project with two locks."""
    (tmp_path / "requirements.lock").write_text("first==1\n")
    (tmp_path / "slow.lock").write_text("second==1\n")
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    return tmp_path


@pytest.fixture
def commands(monkeypatch):
    """What would be run is noted here instead, and works. A fake environment appears where one is made."""
    noted = []

    def run(command, failure, stdout=None):
        noted.append(command)
        if command[1:3] == ["-m", "venv"]:
            python = environment.python_in(Path(command[-1]))
            python.parent.mkdir(parents=True, exist_ok=True)
            python.touch()

    monkeypatch.setattr(environment, "run", run)
    return noted


def refresh(project, *names):
    environment.refresh(project / "env", [project / name for name in names or ("requirements.lock",)])


def kinds(commands):
    """What each command does: make an environment, install a lock (its name) or check."""
    return [
        "venv" if command[2] == "venv" else Path(command[-1]).name if "install" in command else command[3]
        for command in commands
    ]


def machine(monkeypatch, system, processor, version=(3, 12)):
    monkeypatch.setattr(sys, "version_info", (*version, 1))
    monkeypatch.setattr("platform.system", lambda: system)
    monkeypatch.setattr("platform.machine", lambda: processor)
    monkeypatch.setattr("platform.libc_ver", lambda: ("glibc", "2.28"))


def test_an_old_python_can_parse_the_file():
    source = (ROOT / "tools" / "environment.py").read_text()
    ast.parse(source, feature_version=(3, 6))
    with pytest.raises(SyntaxError):
        ast.parse("(a := 1)", feature_version=(3, 6))  # the check would notice


@pytest.mark.parametrize("name", ENVIRONMENTS)
@pytest.mark.parametrize("version", [(3, 6), (3, 10), (3, 15)])
def test_an_unsupported_python_is_one_sentence(monkeypatch, version, name):
    machine(monkeypatch, *LINUX, version)
    with pytest.raises(
        NotPossible, match=rf"^Python {version[0]}\.{version[1]} is not supported for .*3\.11 or 3\.12 or "
    ):
        environment.check_machine(name)


SUPPORTED = [
    (name, one, minor)
    for name, kind in ENVIRONMENTS.items()
    for one in kind.machines
    for minor in environment.minors(kind)
]


@pytest.mark.parametrize(("name", "supported", "minor"), SUPPORTED)
def test_supported_machines(monkeypatch, name, supported, minor):
    machine(monkeypatch, *supported, (3, minor))
    environment.check_machine(name)


def test_what_is_supported():
    """The documented promise; `make update` makes locks that keep it."""
    everywhere = (LINUX, LINUX_ARM, MACOS, WINDOWS)
    promise = {name: (kind.machines, kind.newest) for name, kind in ENVIRONMENTS.items()}
    assert promise == {
        "app": (everywhere, (3, 14)),
        "all": (everywhere[:3], (3, 13)),
        "tools": (everywhere, (3, 14)),
        "fuzz": (everywhere[:1], (3, 13)),
    }


@pytest.mark.parametrize(
    ("name", "one", "sentence"),
    [
        ("app", ("Linux", "riscv64"), "Linux on riscv64 is not supported for the app: use Linux x86-64, "),
        ("all", WINDOWS, "Windows x86-64 is not supported for training and the tests: use Linux x86-64, "),
        ("fuzz", LINUX_ARM, r"Linux aarch64 is not supported for fuzzing: use Linux x86-64\.$"),
    ],
)
def test_an_unsupported_platform_is_one_sentence(monkeypatch, name, one, sentence):
    machine(monkeypatch, *one)
    with pytest.raises(NotPossible, match=f"^{sentence}"):
        environment.check_machine(name)


@pytest.mark.parametrize("library", [("", ""), ("glibc", "2.27"), ("musl", "1.2.5")])
def test_a_linux_with_another_c_library_is_one_sentence(monkeypatch, library):
    machine(monkeypatch, *LINUX)
    monkeypatch.setattr("platform.libc_ver", lambda: library)
    with pytest.raises(NotPossible, match=r"glibc 2\.28 or newer"):
        environment.check_machine("app")


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("platform.python_implementation", lambda: "PyPy"),
        ("sysconfig.get_config_var", lambda name: 1),
        ("sys.maxsize", 2**31 - 1),
    ],
)
def test_another_build_of_python_is_one_sentence(monkeypatch, place, value):
    machine(monkeypatch, *LINUX)
    monkeypatch.setattr(place, value)
    with pytest.raises(
        NotPossible, match=r"^This build of Python is not supported: use the usual 64-bit build"
    ):
        environment.check_machine("app")


@pytest.mark.parametrize("version", ["14.0", "15.7.1", "26.1"])
def test_a_supported_macos(monkeypatch, version):
    machine(monkeypatch, *MACOS)
    monkeypatch.setattr("platform.mac_ver", lambda: (version, ("", "", ""), "arm64"))
    environment.check_machine("app")


def test_an_old_macos_is_one_sentence(monkeypatch):
    machine(monkeypatch, *MACOS)
    monkeypatch.setattr("platform.mac_ver", lambda: ("13.7.8", ("", "", ""), "arm64"))
    with pytest.raises(NotPossible, match=r"macOS 13\.7\.8 is not supported: use 14 or newer"):
        environment.check_machine("app")


@pytest.mark.parametrize("absent", ["venv", "ensurepip"])
def test_a_python_without_venv_is_one_sentence(monkeypatch, absent):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == absent else object())
    with pytest.raises(NotPossible, match="python3-venv"):
        environment.check_machine("app")


def test_the_slow_tests_packages_belong_to_all_alone(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["environment.py", "app", "--slow"])
    with pytest.raises(SystemExit) as stopped:
        environment.main()
    assert stopped.value.code == 2
    assert "--slow can only be used with `all`" in capsys.readouterr().err


def test_only_the_locks_own_wheels_are_installed_and_then_checked(project, commands):
    refresh(project)
    assert kinds(commands) == ["venv", "requirements.lock", "check"]
    assert {"--no-deps", "--require-hashes", "--only-binary=:all:"} < set(commands[1])
    assert commands[1][-2:] == ["-r", str(project / "requirements.lock")]


def test_only_the_app_is_compiled_at_once(project, commands, monkeypatch):
    refresh(project, "slow.lock")
    kind = ENVIRONMENTS["app"]._replace(lock=project / "requirements.lock")
    monkeypatch.setitem(ENVIRONMENTS, "app", kind)
    refresh(project)
    installations = [command for command in commands if "install" in command]
    assert ["--no-compile" in command for command in installations] == [True, False]


def test_windows_has_its_python_in_scripts(project, commands, monkeypatch):
    machine(monkeypatch, *WINDOWS)
    refresh(project)
    assert commands[1][0] == commands[2][0] == str(project / "env" / "Scripts" / "python.exe")
    refresh(project)
    assert len(commands) == 3


def test_the_second_time_nothing_is_done(project, commands):
    refresh(project)
    refresh(project)
    assert kinds(commands) == ["venv", "requirements.lock", "check"]


def test_a_second_lock_is_added_to_the_same_environment(project, commands):
    refresh(project)
    refresh(project, "requirements.lock", "slow.lock")
    assert kinds(commands)[3:] == ["slow.lock", "check"]
    refresh(project)
    refresh(project, "requirements.lock", "slow.lock")
    assert len(commands) == 5


def test_a_changed_lock_starts_from_an_empty_environment(project, commands):
    """Else what only the old lock had would stay, and could contradict the new one."""
    refresh(project, "requirements.lock", "slow.lock")
    (project / "requirements.lock").write_text("first==2\n")
    refresh(project)
    assert kinds(commands)[4:] == ["venv", "requirements.lock", "check"]
    assert "--clear" in commands[4]


def test_another_python_starts_from_an_empty_environment(project, commands, monkeypatch):
    refresh(project)
    monkeypatch.setattr(environment, "python_line", lambda: "python 3.99")
    refresh(project)
    assert kinds(commands)[3:] == ["venv", "requirements.lock", "check"]


def test_an_environment_whose_python_is_gone_is_made_again(project, commands):
    refresh(project)
    (project / "env" / "bin" / "python").unlink()
    refresh(project)
    assert kinds(commands)[3:] == ["venv", "requirements.lock", "check"]


@pytest.mark.parametrize("was_made", [False, True])
def test_a_failed_installation_is_never_taken_for_complete(project, commands, monkeypatch, was_made):
    def fail(folder, locks):
        raise NotPossible("no network")

    if was_made:
        refresh(project)
        (project / "requirements.lock").write_text("first==2\n")
    monkeypatch.setattr(environment, "install", fail)
    with pytest.raises(NotPossible, match="no network"):
        refresh(project)
    assert not (project / "env" / environment.STAMP).exists()


# From here on, real pips install tiny packages that the test makes.


def make_wheel(folder, name, version, *requirements, extras=()):
    """A package without any code; its line of a lock."""
    about = f"{name}-{version}.dist-info"
    metadata = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    metadata += [f"Provides-Extra: {extra}" for extra in extras]
    metadata += [f"Requires-Dist: {requirement}" for requirement in requirements]
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(f"{about}/METADATA", "\n".join(metadata) + "\n")
        file.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{about}/RECORD", "")
    return f"{name}=={version} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


@pytest.fixture
def pip_settings(monkeypatch):
    """No setting of this machine's pip is in force; what is set here is."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)

    def use(**settings):
        for name, value in {"CONFIG_FILE": os.devnull, "RETRIES": "0", **settings}.items():
            monkeypatch.setenv(f"PIP_{name}", value)

    return use


@pytest.fixture
def index(tmp_path, pip_settings):
    """A folder that is all that pip can find packages in."""
    folder = tmp_path / "index"
    folder.mkdir()
    pip_settings(NO_INDEX="1", FIND_LINKS=str(folder))
    return folder


@pytest.fixture(scope="module", params=OLD_PIPS, ids=lambda package: package.requirement)
def old_pip(request, tmp_path_factory):
    """The folder of the oldest pip that a supported Python brings, compiled once for all tests."""
    try:
        wheel = fetched(request.param)
    except NotFetched as error:
        skip_unless_ci(str(error))
    folder = tmp_path_factory.mktemp("pip")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(folder)
    compileall.compile_dir(folder, quiet=2)
    return folder


@pytest.fixture
def env(old_pip, project):
    """An empty environment that has this pip."""
    folder = project / "env"
    venv.create(folder, with_pip=False)
    (packages,) = folder.glob("lib/python3*/site-packages")
    (packages / "pip.pth").write_text(f"{old_pip}\n")
    return folder


def installed(env):
    return {
        path.name.removesuffix(".dist-info") for path in env.glob("lib/python3*/site-packages/*.dist-info")
    }


@pytest.fixture
def lock(project, index):
    """A complete lock of two packages, one of which asks for the other with an extra.

    The index also has a newer release of the other one, as every index has some day.
    """
    lines = [
        make_wheel(index, "measured", "1.0", extras=["toml"]),
        make_wheel(index, "plugin", "1.0", "measured[toml]>=1.0"),
    ]
    make_wheel(index, "measured", "2.0", extras=["toml"])
    path = project / "requirements.lock"
    path.write_text("".join(lines))
    return path


def test_a_newer_release_of_a_package_with_an_extra_changes_nothing(env, lock):
    environment.install(env, [lock])
    assert installed(env) == {"measured-1.0", "plugin-1.0"}


def test_with_its_own_choice_of_versions_such_a_pip_fails(env, lock, monkeypatch):
    """So the test above would have found the fault. The sentence names the package."""
    options = [option for option in environment.INSTALL if option != "--no-deps"]
    monkeypatch.setattr(environment, "INSTALL", options)
    with pytest.raises(NotPossible) as failure:
        environment.install(env, [lock])
    text = str(failure.value)
    assert text.startswith("The packages of requirements.lock cannot be installed: ERROR: ")
    assert "measured" in text


def test_a_lock_that_lacks_a_package_is_one_sentence(env, lock):
    lock.write_text(lock.read_text().splitlines(keepends=True)[1])
    with pytest.raises(
        NotPossible,
        match=r"^requirements\.lock is not complete: plugin 1\.0 requires measured, which is not installed\.$",
    ):
        environment.install(env, [lock])


def test_a_file_of_another_hash_is_refused(project, env, index):
    lock = project / "requirements.lock"
    good = make_wheel(index, "anything", "1.0")
    for line in (f"anything==1.0 --hash=sha256:{'0' * 64}\n", "anything==1.0\n"):
        lock.write_text(line)
        with pytest.raises(NotPossible, match="cannot be installed: ERROR: "):
            environment.install(env, [lock])
    assert "anything-1.0" not in installed(env)
    lock.write_text(good)
    environment.install(env, [lock])
    assert "anything-1.0" in installed(env)


NOTHING = f"no-such-package-anywhere==1 --hash=sha256:{'0' * 64}\n"


def test_a_package_that_is_nowhere_is_one_sentence(project, env, index):
    (project / "requirements.lock").write_text(NOTHING)
    with pytest.raises(NotPossible) as failure:
        environment.install(env, [project / "requirements.lock"])
    assert str(failure.value) == (
        "The packages of requirements.lock cannot be installed: "
        "ERROR: No matching distribution found for no-such-package-anywhere==1"
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("WARNING: one\nERROR: no such host\n", "ERROR: no such host"),
        ("one\n\ntwo\n", "one two"),
        ("ERROR: one\nERROR: two\n  of flask\n  Got 12\n", "ERROR: two of flask Got 12"),
        (
            "ERROR: hashes\n  flask:\n  Expected 1\n  Expected 2\n  Got 3\n",
            "ERROR: hashes flask: Expected 1 Expected 2 Got 3",
        ),
        ("", "no reason was given"),
    ],
)
def test_the_last_words_of_a_command(text, words):
    assert environment.last_words(text) == words


def test_a_failure_ends_with_2_and_one_sentence(tmp_path):
    """pip is cut off from every source; the environment itself is made from what Python brings."""
    for name in ("tools", "app"):
        (tmp_path / name).mkdir()
    script = tmp_path / "tools" / "environment.py"
    script.write_text((ROOT / "tools" / "environment.py").read_text())
    (tmp_path / "app" / "requirements.lock").write_text(NOTHING)
    cut_off = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull, "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, script, "app"], check=False, env=cut_off, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("The packages of app/requirements.lock cannot be installed: ERROR: ")
    assert not (tmp_path / ".venv" / "app" / environment.STAMP).exists()


def test_the_operators_guide_says_what_runs_where():
    guide = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8")
    table = guide.partition("<!-- platforms -->")[2].partition("<!-- /platforms -->")[0].strip().splitlines()
    heading, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    assert heading[1:] == list(environment.MACHINES.values())
    for name, what in {"app": "app and", "all": "training and"}.items():
        kind = ENVIRONMENTS[name]
        own = [row for row in rows if row[0].startswith(what)]
        assert {f"3.{minor}" for minor in environment.minors(kind)} <= pythons_in(
            " ".join(row[0] for row in own)
        )
        for row in own:
            cells = dict(zip(environment.MACHINES, row[1:], strict=True))
            assert {one for one, cell in cells.items() if cell != "not supported"} == set(kind.machines)
            assert set(cells.values()) <= {"run by us", "not run by us", "not supported"}


def pythons_in(text):
    """The Pythons that a text names, those between `3.11 to 3.13` too."""
    minors = {int(minor) for minor in re.findall(r"3\.(\d+)", text)}
    for first, last in re.findall(r"3\.(\d+) to 3\.(\d+)", text):
        minors |= set(range(int(first), int(last)))
    return {f"3.{minor}" for minor in minors}


def test_ci_starts_from_an_empty_environment():
    """A warm one would hide that a lock cannot be installed any more."""
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert lines.index("rm -rf .venv") < lines.index("make test")


def test_the_app_needs_neither_tensorflow_nor_pandas():
    text = (ROOT / "app" / "requirements.txt").read_text()
    packages = [line.split(">=")[0] for line in text.splitlines() if line and not line.startswith("#")]
    assert packages == [
        "click",
        "filelock",
        "flask",
        "flask-babel",
        "flask-compress",
        "flask-limiter",
        "gunicorn",
        "numpy",
        "onnxruntime",
        "pillow",
        "prometheus-client",
        "pydicom",
        "python-json-logger",
        "redis",
        "waitress",
    ]
