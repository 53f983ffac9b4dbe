"""The app and `predict` where POSIX's own modules are absent, as on Windows.

The modules are blocked in a process of its own, by a `sitecustomize` that it starts with. What a library chooses by the name of the system is not seen here.
"""

import os
import re
import signal
import subprocess
import sys
import urllib.request

import pytest
from PIL import Image

from tests.app.server.answering_process import answering_process
from tests.app.tiny_bundle import make_tiny_bundle
from tools.serving import ROOT, run_app

# Not termios: click, which draws the progress, takes it where the system is not named Windows.
BLOCKED = ("fcntl", "grp", "pwd", "resource")
SITE = f"""
import sys, warnings

for name in {BLOCKED}:
    sys.modules[name] = None  # an import of it raises ModuleNotFoundError

# filelock looks at the name of the system: where that is not Windows and fcntl is absent, it warns.
warnings.filterwarnings("ignore", "only soft file lock is available", UserWarning)
"""
# What our own code leaves to the system's encoding is an error.
STRICT = """
import warnings
warnings.filterwarnings("error", category=EncodingWarning, module=r"(app|data_modelling)\\b")
"""
WARNS_OF_ENCODINGS = ("-X", "warn_default_encoding", "-c")
PREDICT = f"""{STRICT}
import sys
from data_modelling.predict import main
sys.exit(main(sys.argv[1:]))
"""
CHECK = f"""{STRICT}
import os
import app.server, data_modelling.monitor
from app import create_app
from app.settings import read_settings

client = create_app(read_settings(os.environ)).test_client()
assert client.get("/healthz").status_code == 200
assert client.get("/").status_code == 200
print("done")
"""


@pytest.fixture
def environment(tmp_path):
    """For a process without the modules, whose bundles are small."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(SITE)
    make_tiny_bundle(tmp_path / "bundles" / "tiny")
    return {"PYTHONPATH": str(site), "BUNDLES": str(tmp_path / "bundles"), "BUNDLE": "tiny"}


def run(environment, *arguments):
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize("name", BLOCKED)
def test_the_modules_are_blocked(environment, name):
    done = run(environment, "-c", f"import {name}")
    assert "ModuleNotFoundError" in done.stderr


def test_the_app_answers(environment):
    """Nor does it rely on the system's encoding, which on Windows is seldom UTF-8."""
    done = run(environment, *WARNS_OF_ENCODINGS, CHECK)
    assert (done.stdout, done.stderr, done.returncode) == ("done\n", "", 0)


def test_the_server_is_one_process_that_stops_in_good_order(environment, tmp_path):
    with run_app(tmp_path / "log", environment) as app:
        assert answering_process(app) == app.process.pid
        with urllib.request.urlopen(f"{app.url}/healthz", timeout=20) as answer:
            assert answer.status == 200
        children = subprocess.run(
            ["ps", "--no-headers", "--ppid", str(app.process.pid)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert children.stdout == ""
        app.process.send_signal(signal.SIGINT)
        assert app.process.wait(60) == 130


def predict(environment, folder):
    (folder / "images").mkdir()
    Image.new("RGB", (60, 40), "red").save(folder / "images" / "a.png")
    names = {"--bundle": "bundles/tiny", "--images": "images", "--out": "p.csv"}
    arguments = [word for option, name in names.items() for word in (option, f"{folder / name}")]
    return run(environment, *WARNS_OF_ENCODINGS, PREDICT, *arguments)


def test_predict_writes_its_files(environment, tmp_path):
    done = predict(environment, tmp_path)
    assert (done.stderr, done.returncode) == ("", 0)
    assert re.match(r"image,.*\na,", (tmp_path / "p.csv").read_text())
    assert [path.name for path in tmp_path.glob("*.work")] == []


def test_predict_refuses_to_write_what_another_run_is_writing(environment, tmp_path):
    (tmp_path / "p.csv.work").mkdir()
    (tmp_path / "p.csv.work" / "lock").touch()
    done = predict(environment, tmp_path)
    assert done.stderr.startswith(f"Another run is writing {tmp_path / 'p.csv'}")
    assert done.returncode == 2
