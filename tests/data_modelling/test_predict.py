import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_modelling.inference.bundle import load_bundle
from data_modelling.inference.checks import photo_checks
from data_modelling.inference.details import Details, encode_details
from data_modelling.inference.files.file_locks import exclusive_lock
from data_modelling.inference.onnx_runtime import onnxruntime
from data_modelling.inference.photo.reader import read_photo
from data_modelling.inference.predictor import Predictor
from data_modelling.predict import main
from tests.app.tiny_bundle import make_tiny_bundle, without_origin

PROJECT = Path(__file__).resolve().parents[2]
CODES = "MEL,NV,BCC,AKIEC,BKL,DF,VASC"


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A bundle, and photos whose names are not in the order of their colours."""
    monkeypatch.setattr(photo_checks, "load_origin_detector", without_origin)
    make_tiny_bundle(tmp_path / "tiny")
    (tmp_path / "images").mkdir()
    for name, colour in {"b.JPG": "red", "a.png": "lime", "C.webp": "blue", "d.jpeg": "black"}.items():
        Image.new("RGB", (60, 40), colour).save(tmp_path / "images" / name)
    return tmp_path


def command(root, *options):
    return [
        "--bundle",
        f"{root / 'tiny'}",
        "--images",
        f"{root / 'images'}",
        "--out",
        f"{root / 'p.csv'}",
        *options,
    ]


def rows(path):
    with path.open(newline="") as file:
        return list(csv.reader(file))


def test_photos_in_folders_below_are_told(root, capsys):
    """Case 17: a folder with photos and with folders of more photos."""
    for name in ("more/e.jpg", "more/part/f.png", "more/part/g.png", "empty/notes.txt", ".hidden/h.jpg"):
        (root / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "images" / name).write_bytes(b"")
    assert main(command(root)) == 0
    assert capsys.readouterr().err == (
        "warning: photos in subfolders are not read: more (1), more/part (2); name a subfolder with --images\n"
    )


def test_csv_files(root, capsys):
    assert main(command(root)) == 0
    assert capsys.readouterr() == ("", "")
    header, *lines = (root / "p.csv").read_text().splitlines()
    assert header == f"image,{CODES}"
    assert [line.split(",")[0] for line in lines] == ["C", "a", "b", "d"]
    for line in lines:
        numbers = line.split(",")[1:]
        assert all(len(number.partition(".")[2]) >= 7 for number in numbers)
        assert sum(map(float, numbers)) == pytest.approx(1, abs=1e-9)
    # e^5 / (e^5 + 6) = 0.9611 for the colour's class; 1/7 each for black
    assert float(lines[2].split(",")[1]) == pytest.approx(0.9611, abs=0.005)
    assert lines[3] == "d" + ",0.142857142857" * 7
    answers = rows(root / "p.answers.csv")
    every = ";".join(CODES.split(","))
    assert [row[:-1] for row in answers] == [
        ["image", "class", "status", "reasons", "set90", "set95"],
        ["C", "VASC", "no_cancer_class", "", "VASC", "VASC"],
        ["a", "NV", "no_cancer_class", "", "NV", "NV"],
        ["b", "MEL", "higher_concern", "cancer_threshold;melanoma_threshold", "MEL", "MEL"],
        ["d", "MEL", "higher_concern", "cancer_threshold", every, every],
    ]
    assert [row[-1] for row in answers[:1]] == ["nearness"]
    assert all(0 <= float(row[-1]) <= 1 for row in answers[1:])
    assert (root / "p.errors.csv").read_text() == "image,reason\n"
    assert sorted(path.name for path in root.iterdir()) == [
        "images",
        "p.answers.csv",
        "p.csv",
        "p.errors.csv",
        "tiny",
    ]


def test_very_small_probabilities_are_written_without_an_exponent(root):
    bundle = load_bundle(root / "tiny")
    bundle.metadata["temperature"] = 0.2  # e^-25 = 1.4e-11
    from data_modelling.inference.batch.photo_folder import predict_folder, scan_photo_folder

    predict_folder(Predictor(bundle), scan_photo_folder(root / "images"), {}, root / "p.csv")
    assert rows(root / "p.csv")[2] == ["a", "0.000000000014", "0.999999999917"] + ["0.000000000014"] * 5


def test_same_answers_as_the_predictor_for_the_same_bytes_and_details(root):
    (root / "details.csv").write_text("image,age,sex,site\na,80,male,back\nd,20,,\n")
    assert main(command(root, "--details", f"{root / 'details.csv'}")) == 0
    predictor = Predictor(load_bundle(root / "tiny"))
    known = {"a": Details(80, "male", "posterior torso"), "d": Details(20)}
    found = rows(root / "p.csv")
    for path in (root / "images").iterdir():
        answer = predictor.answer(path.read_bytes(), known.get(path.stem, Details()), dermatoscope=True)
        row = next(row for row in found if row[0] == path.stem)
        assert [float(number) for number in row[1:]] == list(answer.probabilities.values())
        said = [path.stem, answer.decision, answer.status, ";".join(answer.reasons)]
        held = [";".join(answer.sets.by_level[level]) for level in ("90", "95")]
        assert [*said, *held, f"{answer.nearness:.12f}"] in rows(root / "p.answers.csv")


def answered(root, *options):
    assert main(command(root, *options)) == 0
    return {image: (status, reasons) for image, _, status, reasons, *_ in rows(root / "p.answers.csv")}


def test_photos_without_a_dermatoscope_are_never_clear(root):
    assert answered(root)["a"] == ("no_cancer_class", "")
    assert answered(root, "--dermatoscope", "no")["a"] == ("uncertain", "phone_photo")


def test_a_csv_may_say_which_spots_are_changing(root):
    (root / "details.csv").write_text("image,age,sex,site,changing\na,,,,yes\nC,,,,no\nb,,,,\n")
    by_image = answered(root, "--details", f"{root / 'details.csv'}")
    assert (by_image["a"], by_image["C"]) == (("uncertain", "changing"), ("no_cancer_class", ""))
    assert by_image["b"] == ("higher_concern", "cancer_threshold;melanoma_threshold")


def test_trained_bundle_against_onnxruntime_alone(smoke_bundle, tmp_path):
    (tmp_path / "images").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (5, 48, 64, 3), np.uint8)
    for i, one in enumerate(pixels):
        Image.fromarray(one).save(tmp_path / "images" / f"{i}.png")
    out = tmp_path / "p.csv"
    assert main(["--bundle", f"{smoke_bundle}", "--images", f"{tmp_path / 'images'}", "--out", f"{out}"]) == 0
    metadata = load_bundle(smoke_bundle).metadata
    session = onnxruntime.InferenceSession(smoke_bundle / "model.onnx")
    for i, row in enumerate(rows(out)[1:]):
        photo = read_photo((tmp_path / "images" / f"{i}.png").read_bytes(), metadata["edge"])
        inputs = {"photo": photo[None].astype(np.float32), "details": encode_details(Details())[None]}
        scaled = session.run(["logits"], inputs)[0][0].astype(np.float64) / metadata["temperature"]
        expected = np.exp(scaled) / np.exp(scaled).sum()
        assert [float(number) for number in row[1:]] == pytest.approx(expected, abs=1e-9)
        ratios = {
            code: p / metadata["decision_prior"][code]
            for code, p in zip(CODES.split(","), expected, strict=True)
        }
        assert rows(tmp_path / "p.answers.csv")[i + 1][1] == max(ratios, key=ratios.__getitem__)


def test_photos_that_do_not_decode_are_left_out_and_listed(root, capsys):
    whole = (root / "images" / "b.JPG").read_bytes()
    (root / "images" / "half.jpg").write_bytes(whole[:300])
    (root / "images" / "x.dcm").write_bytes(b"no photo")
    (root / "images" / "empty.png").write_bytes(b"")
    assert main(command(root)) == 3
    assert [row[0] for row in rows(root / "p.csv")[1:]] == ["C", "a", "b", "d"]
    header, *errors = rows(root / "p.errors.csv")
    assert header == ["image", "reason"]
    assert [(image, reason.partition(": ")[0]) for image, reason in errors] == [
        ("empty", "photo_empty"),
        ("half", "photo_broken"),
        ("x", "photo_type"),
    ]
    said = capsys.readouterr().err.splitlines()
    assert [line.partition(":")[0] for line in said] == ["empty", "half", "x"]


def test_other_files_are_counted_and_named_once(root, capsys):
    for name in ("notes.txt", "a.tif"):
        (root / "images" / name).write_text("")
    assert main(command(root)) == 0
    assert capsys.readouterr().err == "2 other files ignored: a.tif, notes.txt\n"


@pytest.mark.parametrize(
    ("folder", "sentence"),
    [
        (
            "MEL",
            r"images has no photo \(.jpg .jpeg .png .webp .dcm\), but there are photos in its folders MEL \(4\): name one",
        ),
        ("part_1/part_1", r"in its folders part_1/part_1 \(4\): name one of them with --images\."),
    ],
)
def test_a_folder_of_folders_says_where_the_photos_are(root, capsys, folder, sentence):
    (root / "photos").mkdir()
    (root / "images").rename(root / "photos" / "inner")
    (root / "images" / folder).parent.mkdir(parents=True)
    (root / "photos" / "inner").rename(root / "images" / folder)
    assert main(command(root)) == 2
    assert re.search(sentence, capsys.readouterr().err)


def test_details_with_endings_are_used_and_those_of_no_photo_are_an_error(root, capsys):
    """Case 13: today such details were dropped without a word."""
    path = root / "details.csv"
    path.write_text("image;age;sex;site\na.png;80;male;face\nd.JPG;20;;\n")
    assert main(command(root, "--details", f"{path}")) == 0
    with_endings = (root / "p.csv").read_bytes()
    path.write_text("image,age,sex,site\na,80,male,face\nd,20,,\n")
    assert main(command(root, "--details", f"{path}")) == 0
    assert (root / "p.csv").read_bytes() == with_endings
    path.write_text("image,age,sex,site\nx,80,male,face\n")
    assert main(command(root, "--details", f"{path}")) == 2
    assert "No row of the details names a photo: the details have 'x'" in capsys.readouterr().err


def test_contradictory_details_are_left_out_and_an_error_if_strict(root, capsys):
    path = root / "details.csv"
    path.write_text("image,age,sex,site\na,80,male,back\nd,20,,\na,8,male,back\n")
    assert main(command(root, "--details", f"{path}")) == 3
    assert capsys.readouterr().err == f"{path}: contradictory rows, all left out: 2 (a (row 2), a (row 4))\n"
    assert main(command(root, "--strict", "--details", f"{path}")) == 2
    assert capsys.readouterr().err == (
        f"{path}: contradictory rows, all left out: 2 (a (row 2), a (row 4)); correct the csv, or leave out --strict.\n"
    )


def test_details_of_photos_that_are_not_there_are_a_warning(root, capsys):
    (root / "details.csv").write_text(
        "image,age,sex,site\na,80,,\n" + "".join(f"x{i:02d},,,\n" for i in range(12))
    )
    assert main(command(root, "--details", f"{root / 'details.csv'}")) == 0
    assert capsys.readouterr().err == (
        "warning: 12 rows of the details have no photo: x00, x01, x02, x03, x04, x05, x06, x07, x08, x09, ...\n"
    )


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda root: (root / "tiny" / "model.onnx").unlink(), "model.onnx is missing or was altered"),
        (lambda root: (root / "tiny").rename(root / "gone"), "There is no bundle"),
        (lambda root: (root / "images").rename(root / "gone"), "cannot be read as a folder"),
        (
            lambda root: (root / "images" / "b.png").write_bytes(b""),
            "has two photos named b: b.JPG and b.png",
        ),
        (
            lambda root: (root / "details.csv").unlink(),
            "details.csv cannot be read: No such file or directory.",
        ),
        (lambda root: (root / "details.csv").write_text("image,age,sex\n"), "lacks the column site"),
        (
            lambda root: (root / "details.csv").write_text("image,age,sex,site\na,1e1,,\n"),
            "row 2: Age must be",
        ),
        (lambda root: (root / "p.csv").mkdir(), "p.csv cannot be written: it is a folder."),
        (lambda root: (root / "p.answers.csv").mkdir(), "p.answers.csv cannot be written: it is a folder."),
    ],
)
def test_what_cannot_start_is_one_sentence(root, capsys, harm, said):
    (root / "details.csv").write_text("image,age,sex,site\na,1,,\n")
    harm(root)
    before = sorted(path.name for path in root.iterdir())
    assert main(command(root, "--details", f"{root / 'details.csv'}")) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert said in error
    assert error.count("\n") == 1
    assert sorted(path.name for path in root.iterdir()) == before


@pytest.mark.parametrize(
    ("out", "said"),
    [
        ("/", "--out must name a csv file"),
        ("", "--out must name a csv file"),
        ("images/b.JPG", "b.JPG has a photo's ending"),
        ("details.csv", "details.csv holds the details, which would be lost"),
        ("d.answers.csv", "d.answers.csv holds the details, which would be lost"),
    ],
)
def test_nothing_that_was_given_is_overwritten(root, capsys, out, said):
    """Neither the details, under whatever of the three names, nor a photo."""
    given = root / (out if out.endswith(".csv") else "details.csv")
    given.write_text("image,age,sex,site\n")
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    options = [*command(root, "--details", str(given)), "--out"]
    target = str(root / out.replace(".answers", "")) if out.strip("/") else out
    assert main([*options, target]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before


def test_a_training_runs_work_folder_of_the_same_name_is_left_alone(root, capsys):
    """RUNS/p.work is where a training of RUNS/p keeps its networks; and what is in the way of our own is not ours."""
    networks = [root / folder / "fold0" / "network.keras" for folder in ("p.work", "p.csv.work")]
    networks[0].parent.mkdir(parents=True)
    networks[0].write_text("hours of work")
    assert main(command(root)) == 0
    assert networks[0].read_text() == "hours of work"
    assert not (root / "p.csv.work").exists()
    networks[1].parent.mkdir(parents=True)
    networks[1].write_text("hours of work")
    assert main(command(root)) == 2
    assert "p.csv.work/fold0 is in the way; move it elsewhere" in capsys.readouterr().err
    assert networks[1].read_text() == "hours of work"


def test_a_missing_option_is_two(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--bundle", "x"])
    assert caught.value.code == 2
    assert "--images, --out" in capsys.readouterr().err


def process(root, *start):
    """The command in a process of its own; start: what comes between python and the options."""
    return [sys.executable, *(start or ("-m", "data_modelling.predict")), *command(root)]


@pytest.fixture
def many(root):
    """With 600 photos more, and what a run that nobody stops makes of them."""
    for i in range(600):
        (root / "images" / f"{i}.jpg").hardlink_to(root / "images" / "b.JPG")
    assert main(command(root)) == 0
    return root, [(root / name).read_bytes() for name in NAMES]


NAMES = ("p.csv", "p.answers.csv", "p.errors.csv")


OFTEN = """
import sys
from data_modelling.inference.batch import csv_results
from data_modelling.predict import main

csv_results.NOTE_SECONDS = 0.02
sys.exit(main())
"""


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_a_stopped_run_leaves_no_half_written_file_and_goes_on(many, number, status):
    root, expected = many
    for name in NAMES:
        (root / name).unlink()
    before = sorted(path.name for path in root.iterdir())
    start = process(root, "-c", OFTEN)
    with subprocess.Popen(start, cwd=PROJECT, stderr=subprocess.PIPE, text=True) as running:
        while (
            not (notes := root / "p.csv.work" / "note.json").exists()
            or json.loads(notes.read_text())["photos"] == 0
        ):
            assert running.poll() is None
            time.sleep(0.01)
        running.send_signal(number)
        _, error = running.communicate(timeout=30)
    assert running.returncode == status
    assert "Traceback" not in error
    assert ("continues from here" in error) is (number == signal.SIGINT)
    assert sorted(path.name for path in root.iterdir()) == sorted([*before, "p.csv.work"])
    assert main(command(root)) == 0
    assert [(root / name).read_bytes() for name in NAMES] == expected
    assert sorted(path.name for path in root.iterdir()) == sorted([*before, *NAMES])


def test_two_shards_together_are_one_run(root):
    (root / "images" / "c.png").write_bytes(b"no photo")
    (root / "details.csv").write_text("image,age,sex,site\na,80,,\nd,20,,\n")
    options = ["--details", f"{root / 'details.csv'}"]
    assert main(command(root, *options)) == 3
    whole = [rows(root / name) for name in NAMES]
    for shard in ("1/2", "2/2"):
        assert main([*command(root, *options), "--out", f"{root / shard[0]}.csv", "--shard", shard]) in (0, 3)
    for name, expected in zip(NAMES, whole, strict=True):
        first, second = (rows(root / name.replace("p", str(number), 1)) for number in (1, 2))
        assert [*first, *second[1:]] == expected
        assert first[0] == second[0]
    assert min(len(rows(root / "1.csv")), len(rows(root / "2.csv"))) > 1


@pytest.mark.parametrize("shard", ["0/2", "3/2", "2", "1/0", "a/b", "-1/2", "1/2/3"])
def test_a_shard_that_is_none(root, capsys, shard):
    with pytest.raises(SystemExit) as caught:
        main(command(root, f"--shard={shard}"))
    assert caught.value.code == 2
    assert "must be K/N" in capsys.readouterr().err


def test_a_second_run_of_the_same_file_is_told_to_wait(root, capsys):
    (root / "p.csv.work").mkdir()
    with exclusive_lock(root / "p.csv.work" / "lock", "no"):
        assert main(command(root)) == 2
    assert capsys.readouterr().err.startswith("Another run is writing ")


BLOCKED = """
import runpy, sys

class Block:
    def find_spec(self, name, path=None, target=None):
        part = name.partition(".")[0]
        if part in {"tensorflow", "keras", "pandas", "sklearn", "tqdm", "matplotlib", "onnx", "imblearn", "flask"}:
            raise ImportError(name)
        if part == "data_modelling" and name not in {"data_modelling", "data_modelling.predict"}:
            if not name.startswith("data_modelling.inference"):
                raise ImportError(name)

sys.meta_path.insert(0, Block())
runpy.run_module("data_modelling.predict", run_name="__main__", alter_sys=True)
"""


def test_runs_with_the_apps_requirements_and_inference_alone(root):
    image = Image.new("RGB", (60, 40), "red")
    image.save(
        root / "images" / "odd.jpg", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x02\x01"
    )  # of which Pillow warns
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"}
    done = subprocess.run(
        process(root, "-c", BLOCKED),
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [row[0] for row in rows(root / "p.csv")] == ["image", "C", "a", "b", "d", "odd"]
