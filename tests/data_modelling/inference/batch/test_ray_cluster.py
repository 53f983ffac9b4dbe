import subprocess
import sys

import pytest

from data_modelling.inference.batch.ray_cluster import connect_to_ray, core_share
from data_modelling.inference.errors import InputError
from tests.conftest import PROJECT
from tests.ray_nodes import require_ray


@pytest.mark.parametrize(
    ("nodes", "tasks", "share"),
    [
        ([8], 2, 4),
        ([8], 3, 2),  # 2.67, and Ray takes whole numbers
        ([0, 1, 1], 2, 1),
        ([1, 1], 3, 0.5),  # two on one node, one on the other
        ([16, 4], 5, 4),
        ([2], 3, 0.666),
    ],
)
def test_tasks_share_the_cores_of_each_node(nodes, tasks, share):
    assert core_share(nodes, tasks) == share


@pytest.mark.parametrize("command", ["predict", "search", "train"])
def test_without_ray_one_sentence_says_what_to_install(command, tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.jpg").write_bytes(b"")
    config = "data_modelling/configs/smoke.toml"
    options = {
        "predict": ["--bundle", "DATA/models/ham10000", "--images", str(tmp_path / "images")],
        "search": ["--config", config],
        "train": ["--config", config],
    }[command]
    script = f"import sys; sys.modules['ray'] = None; from data_modelling.{command} import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", script, *options, "--out", str(tmp_path / "out"), "--engine", "ray"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == (
        "--engine ray needs Ray: install requirements-cluster.lock, see docs/scale.md."
    )
    assert "Traceback" not in done.stderr


def test_predict_needs_no_ray_without_the_engine():
    script = "import sys; from data_modelling import predict; assert not {'ray', 'pyarrow'} & {*sys.modules}"
    subprocess.run([sys.executable, "-c", script], cwd=PROJECT, check=True)


def test_an_address_without_a_cluster_is_told_in_one_sentence():
    require_ray()
    with pytest.raises(InputError, match="^There is no Ray cluster at 127.0.0.1:1: [^\n]*$"):
        connect_to_ray("127.0.0.1:1").__enter__()
