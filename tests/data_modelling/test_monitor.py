import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_modelling import monitor
from data_modelling.inference.batch.photo_folder import scan_photo_folder
from data_modelling.inference.bundle import load_bundle, write_checksums
from data_modelling.inference.drift.comparison import quantiles
from data_modelling.inference.drift.samples import sample_from_photos
from data_modelling.inference.drift.score_log import ScoreLog
from data_modelling.inference.predictor import Predictor
from tests.app.tiny_bundle import CODES, make_tiny_bundle
from tests.conftest import PROJECT


def photos(folder: Path, count: int, seed: int, light: float = 1.0) -> Path:
    """Photos of skin colours, all alike but for chance."""
    folder.mkdir()
    rng = np.random.default_rng(seed)
    for number in range(count):
        pixels = rng.normal((200, 150, 140), 12, 3) + rng.normal(0, 15, (64, 64, 3))
        Image.fromarray((pixels * light).clip(0, 255).astype(np.uint8)).save(folder / f"{number:03}.png")
    return folder


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny bundle whose reference was taken from 300 photos."""
    folder = make_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")
    usual = photos(tmp_path_factory.mktemp("photos") / "usual", 300, seed=1)
    sample = sample_from_photos(Predictor(load_bundle(folder)), scan_photo_folder(usual))
    metadata = json.loads((folder / "metadata.json").read_text())
    known = {name: values for name, values in sample.values.items() if not np.isnan(values).all()}
    metadata["reference"] = {name: quantiles(values) for name, values in known.items()}
    (folder / "metadata.json").write_text(json.dumps(metadata))
    write_checksums(folder)
    return folder


def run(bundle: Path, out: Path, *inputs: str) -> str:
    assert monitor.main(["--bundle", str(bundle), *inputs, "--out", str(out)]) == 0
    return out.read_text()


def test_the_same_kind_of_photos_has_not_moved(bundle, tmp_path):
    text = run(bundle, tmp_path / "p.html", "--images", str(photos(tmp_path / "same", 80, seed=2)))
    assert "No quantity moved" in text
    assert "80 photos" in text


def test_darkened_photos_have(bundle, tmp_path):
    text = run(bundle, tmp_path / "p.html", "--images", str(photos(tmp_path / "dark", 80, seed=2, light=0.6)))
    assert "Brightness of the light parts is lower (darker photos)" in text
    assert "No quantity moved" not in text


def test_a_photo_that_does_not_decode_is_named_and_left_out(bundle, tmp_path, capsys):
    folder = photos(tmp_path / "photos", 40, seed=3)
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff no photo")
    out = tmp_path / "p.html"
    assert monitor.main(["--bundle", str(bundle), "--images", str(folder), "--out", str(out)]) == 3
    assert "broken: photo_broken" in capsys.readouterr().err
    assert "40 photos" in out.read_text()


def test_files_that_are_not_read_are_named(bundle, tmp_path, capsys):
    folder = photos(tmp_path / "photos", 2, seed=3)
    photos(folder / "more", 3, seed=4)
    (folder / "phone.heic").write_bytes(b"photo of a phone")
    run(bundle, tmp_path / "p.html", "--images", str(folder))
    assert capsys.readouterr().err.splitlines() == [
        "1 other files ignored: phone.heic",
        "warning: photos in subfolders are not read: more (3); name a subfolder with --images",
    ]


def test_the_page_does_not_replace_the_score_log(bundle, tmp_path, capsys):
    path = tmp_path / "scores.csv"
    ScoreLog(path, CODES).append(dict.fromkeys(CODES, 0.0) | {"MEL": 1.0})
    before = path.read_text()
    assert monitor.main(["--bundle", str(bundle), "--scores", str(path), "--out", str(path)]) == 2
    assert "choose another --out" in capsys.readouterr().err
    assert path.read_text() == before


@pytest.mark.parametrize("out", ["", "pages"])
def test_a_folder_instead_of_a_page_is_refused_at_once(bundle, tmp_path, monkeypatch, capsys, out):
    monkeypatch.chdir(tmp_path)
    Path("pages").mkdir()
    inputs = ["--images", str(photos(tmp_path / "photos", 1, seed=3))]
    assert monitor.main(["--bundle", str(bundle), *inputs, "--out", out]) == 2
    assert capsys.readouterr().err == (
        f"--out must name a page, such as page.html, and {out or '.'} is a folder.\n"
    )


def test_a_score_log_of_other_answers_has_moved(bundle, tmp_path):
    log = ScoreLog(tmp_path / "scores.csv", CODES)
    for _ in range(60):
        log.append(dict.fromkeys(CODES, 0.0) | {"MEL": 1.0})
    text = run(bundle, tmp_path / "p.html", "--scores", str(tmp_path / "scores.csv"))
    assert "Probability of MEL is higher" in text
    assert "60 answers" in text


def test_a_bundle_without_a_reference_is_one_sentence(tmp_path, capsys):
    bundle = make_tiny_bundle(tmp_path / "tiny")
    folder = photos(tmp_path / "photos", 1, seed=3)
    assert monitor.main(["--bundle", str(bundle), "--images", str(folder), "--out", str(tmp_path / "p")]) == 2
    assert "reference is missing" in capsys.readouterr().err


def test_it_runs_with_the_apps_requirements_alone():
    program = (
        "import sys\n"
        "sys.modules.update(dict.fromkeys(('tensorflow', 'keras', 'pandas', 'sklearn', 'scipy', 'tqdm')))\n"
        "import data_modelling.monitor"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
