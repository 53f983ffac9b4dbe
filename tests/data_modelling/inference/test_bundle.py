import hashlib
import json
import shutil
import subprocess

import pytest

from data_modelling.inference.bundle import REQUIRED_FILES, SAFETY_KEYS, load_bundle, write_checksums
from data_modelling.inference.diagnoses import class_codes
from data_modelling.inference.errors import BundleError


def message(folder):
    with pytest.raises(BundleError) as caught:
        load_bundle(folder)
    text = str(caught.value)
    assert text.startswith((str(folder), "There is no bundle"))
    assert "\n" not in text
    assert text.endswith(".")
    return text.replace(f"{folder}/", "")


def test_valid_bundle(make_bundle):
    folder = make_bundle(later_key={"any": "thing"})
    (folder / "notes.txt").write_text("not listed")
    bundle = load_bundle(folder)
    assert (bundle.name, bundle.version, bundle.task) == ("tiny", "1.0", "ham10000")
    assert bundle.sha256 == hashlib.sha256((folder / "model.onnx").read_bytes()).hexdigest()
    assert bundle.metadata["later_key"] == {"any": "thing"}
    assert bundle.metrics == json.loads((folder / "metrics.json").read_text())


def test_absent_folder(tmp_path):
    assert (
        message(tmp_path / "gone")
        == f"There is no bundle {tmp_path / 'gone'}; train one or restore the folder."
    )


def test_a_file_instead_of_a_folder(tmp_path):
    (tmp_path / "file").write_text("")
    assert "There is no bundle" in message(tmp_path / "file")


@pytest.mark.parametrize("name", REQUIRED_FILES)
def test_missing_file(make_bundle, name):
    folder = make_bundle()
    (folder / name).unlink()
    assert message(folder) == f"{name} is missing or was altered (SHA-256 differs); restore the bundle."


@pytest.mark.parametrize("name", REQUIRED_FILES)
def test_one_altered_byte(make_bundle, name):
    folder = make_bundle()
    content = bytearray((folder / name).read_bytes())
    content[-1] ^= 1
    (folder / name).write_bytes(content)
    assert message(folder) == f"{name} is missing or was altered (SHA-256 differs); restore the bundle."


def test_altered_file_in_a_subfolder(make_bundle):
    folder = make_bundle()
    (folder / "predictions").mkdir()
    (folder / "predictions" / "a b.csv").write_text("image")
    write_checksums(folder)
    load_bundle(folder)
    (folder / "predictions" / "a b.csv").write_text("image,")
    assert message(folder).startswith("predictions/a b.csv is missing or was altered")


@pytest.mark.parametrize("name", REQUIRED_FILES)
def test_required_file_that_is_not_listed(make_bundle, name):
    folder = make_bundle()
    (folder / name).unlink()
    write_checksums(folder)
    assert message(folder) == f"SHA256SUMS does not list {name}; restore the bundle."


def test_missing_sums(make_bundle):
    folder = make_bundle()
    (folder / "SHA256SUMS").unlink()
    assert message(folder) == "SHA256SUMS is missing or cannot be read; restore the bundle."


@pytest.mark.parametrize(
    "line",
    [
        "0" * 64 + "  ../other/model.onnx",
        "0" * 64 + "  plots/../../model.onnx",
        "0" * 64 + "  /etc/hostname",
        "0" * 64 + " model.onnx",
        "0" * 64 + "  ",
        "0" * 64 + "  a\0b",
        "  model.onnx",  # an absent hash must not equal that of an absent file
        "Z" * 64 + "  model.onnx",
        "model.onnx",
        "",
        "é",
    ],
)
def test_line_that_is_no_hash_and_file(make_bundle, line):
    folder = make_bundle()
    with (folder / "SHA256SUMS").open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")
    assert (
        message(folder)
        == "SHA256SUMS has a line that is not a hash followed by the name of a file; restore the bundle."
    )


def test_sums_that_are_no_text(make_bundle):
    folder = make_bundle()
    (folder / "SHA256SUMS").write_bytes(b"\xff\xfe")
    assert message(folder).startswith("SHA256SUMS is missing or cannot be read")


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="macOS has no sha256sum")
def test_sums_are_those_of_sha256sum(make_bundle):
    folder = make_bundle()
    (folder / "plots").mkdir()
    (folder / "plots" / "curve.png").write_bytes(b"png")
    write_checksums(folder)
    checked = subprocess.run(
        ["sha256sum", "-c", "SHA256SUMS"], cwd=folder, capture_output=True, text=True, check=True
    )
    assert checked.stdout.splitlines() == [
        f"{name}: OK"
        for name in (
            "README.md",
            "gate.npz",
            "metadata.json",
            "metrics.json",
            "model.keras",
            "model.onnx",
            "neighbours.jpgs",
            "neighbours.npz",
            "plots/curve.png",
        )
    ]


PRIOR = dict.fromkeys(class_codes("ham10000"), 1 / 7)
THRESHOLDS = {"cancer": 0.25, "melanoma": 0.15}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"task": None}, "task and classes"),
        ({"task": "moles"}, "task and classes"),
        ({"task": ["ham10000"]}, "task and classes"),
        ({"task": "isic2019"}, "task and classes"),
        ({"classes": None}, "task and classes"),
        ({"classes": list(reversed(class_codes("ham10000")))}, "task and classes"),
        ({"format": None}, "the bundle has format 1, but this program reads format 2; train it again"),
        ({"format": 3}, "the bundle has format 3, but this program reads format 2"),
        ({"details_width": 13}, "details_width is not 14"),
        ({"details_width": None}, "details_width is not 14"),
        ({"temperature": None}, "temperature must be a number above 0"),
        ({"temperature": True}, "temperature must be a number above 0"),
        ({"temperature": "1"}, "temperature must be a number above 0"),
        ({"temperature": 0}, "temperature must be a number above 0"),
        ({"temperature": -1.0}, "temperature must be a number above 0"),
        ({"temperature": float("nan")}, "temperature must be a number above 0"),
        ({"temperature": float("inf")}, "temperature must be a number above 0"),
        ({"decision_prior": None}, "decision_prior.MEL must be a number above 0"),
        ({"decision_prior": [1 / 7] * 7}, "decision_prior.MEL must be a number above 0"),
        ({"decision_prior": PRIOR | {"DF": 0}}, "decision_prior.DF must be a number above 0"),
        ({"decision_prior": PRIOR | {"VASC": False}}, "decision_prior.VASC must be a number above 0"),
        ({"thresholds": None}, "thresholds.cancer must be a number from 0 to 1"),
        ({"thresholds": THRESHOLDS | {"melanoma": 1.01}}, "thresholds.melanoma must be a number from 0 to 1"),
        ({"thresholds": THRESHOLDS | {"melanoma": True}}, "thresholds.melanoma must be a number from 0 to 1"),
        ({"thresholds": {"cancer": 0.25}}, "thresholds.melanoma must be a number from 0 to 1"),
        (
            {"thresholds": THRESHOLDS | {"cancer": float("nan")}},
            "thresholds.cancer must be a number from 0 to 1",
        ),
        ({"name": None}, "name must be a text"),
        ({"name": ""}, "name must be a text"),
        ({"version": 1.0}, "version must be a text"),
        ({"edge": None}, "edge must be a whole number of pixels from 1 to 1024"),
        ({"edge": True}, "edge must be a whole number of pixels"),
        ({"edge": 16.0}, "edge must be a whole number of pixels"),
        ({"edge": 0}, "edge must be a whole number of pixels"),
        ({"edge": 100_000}, "edge must be a whole number of pixels"),
        ({"edge": 10**400}, "edge must be a whole number of pixels"),
    ],
)
def test_metadata_that_cannot_be_relied_on(make_bundle, changes, said):
    assert message(make_bundle(**changes)).startswith(f"metadata.json: {said}")


@pytest.mark.parametrize("name", ["metadata.json", "metrics.json"])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is no valid JSON"),
        (b"{", "is no valid JSON"),
        (b'"\xff"', "is no valid JSON"),
        (b"[" * 100_000, "is no valid JSON"),
        (b"[1]", "must hold a JSON object"),
        (b"null", "must hold a JSON object"),
    ],
)
def test_json_that_is_none(make_bundle, name, content, said):
    folder = make_bundle()
    (folder / name).write_bytes(content)
    write_checksums(folder)
    assert message(folder) == f"{name} {said}; restore the bundle."


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_figure_that_is_no_number(make_bundle, text):
    folder = make_bundle()
    (folder / "metrics.json").write_text(f'{{"out_of_fold": {{"rows": [0.5, {text}]}}}}')
    write_checksums(folder)
    assert message(folder) == "metrics.json has a metric that is no number; restore the bundle."


@pytest.mark.parametrize("part", SAFETY_KEYS)
@pytest.mark.parametrize("value", [None, 1])
def test_without_a_part_by_which_it_knows_its_limits_it_is_no_bundle(make_bundle, part, value):
    assert message(make_bundle(**{part: value})) == (
        f"metadata.json: {part} is missing; train the bundle again with this program."
    )
