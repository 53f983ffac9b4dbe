"""Test that the app runs with only its own requirements."""

import subprocess
import sys
from pathlib import Path

from tests.app.conftest import photo

ROOT = Path(__file__).parents[2]

PROGRAM = """
import sys

BLOCKED = {"tensorflow", "keras", "pandas", "sklearn", "scipy", "matplotlib", "onnx", "tqdm"}


class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"{name} is blocked")


sys.meta_path.insert(0, Blocker())

from pathlib import Path
from app import create_app
from app.settings import Settings

client = create_app(Settings(bundles=Path(sys.argv[1]))).test_client()
response = client.post("/api/v1/predictions", data={"photo": open(sys.argv[2], "rb")})
assert response.status_code == 200, response.text
ours = {name for name in sys.modules if name.startswith("data_modelling.")}
print(*sorted(name for name in ours if not name.startswith("data_modelling.inference")))
"""


def test_app_answers_with_the_training_libraries_blocked_and_imports_nothing_but_inference(bundles, tmp_path):
    file = tmp_path / "photo.jpg"
    file.write_bytes(photo())
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, bundles, file],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr
