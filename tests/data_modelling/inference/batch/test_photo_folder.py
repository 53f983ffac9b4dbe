import csv
import os
import threading
import unicodedata
import weakref
from io import BytesIO, StringIO

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from data_modelling.inference.batch import photo_folder
from data_modelling.inference.batch.photo_folder import (
    companion_path,
    match_details,
    predict_folder,
    read_details,
    scan_photo_folder,
)
from data_modelling.inference.bundle import load_bundle
from data_modelling.inference.cpu_cores import usable_cores
from data_modelling.inference.decision import COVERAGE_LEVELS, PhotoPredictionSets
from data_modelling.inference.details import Details
from data_modelling.inference.errors import InputError
from data_modelling.inference.files.csv_table import normalize_image_id
from data_modelling.inference.predictor import Predictor
from tests.app.tiny_bundle import NEVER_REFUSED, make_tiny_bundle
from tests.dicom_files import dicom


def photo(colour="red"):
    file = BytesIO()
    Image.new("RGB", (30, 20), colour).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def predictor(make_bundle):
    return Predictor(load_bundle(make_bundle()))


@pytest.fixture
def images(tmp_path):
    """Makes a folder of files with these names."""

    def make(*names, content=b""):
        (tmp_path / "images").mkdir(exist_ok=True)
        for name in names:
            (tmp_path / "images" / name).write_bytes(content)
        return tmp_path / "images"

    return make


# Photos


def test_photos_by_code_point_and_ending_in_any_case(images):
    photos = scan_photo_folder(
        images("b.jpg", "a.JPG", "B.Jpeg", "é.png", "a-1.webp", "a.b.PNG", "10.dcm", "9.jpg")
    )
    assert photos.stems == ["10", "9", "B", "a", "a-1", "a.b", "b", "é"]
    assert dict(photos.photos())["a.b"].name == "a.b.PNG"
    assert photos.other == ()


def test_other_files_are_named_and_folders_left_alone(images):
    root = images("a.jpg", "notes.txt", "a.csv", ".jpg", "._a.jpg", "jpg", "a.jpg.part")
    (root / "deeper.jpg").mkdir()
    (root / "deeper.jpg" / "b.jpg").write_bytes(b"")
    (root / "lost.jpg").symlink_to(root / "gone.jpg")
    os.mkfifo(root / "pipe.jpg")  # would be waited for without end
    photos = scan_photo_folder(root)
    assert photos.stems == ["a"]
    others = ("._a.jpg", ".jpg", "a.csv", "a.jpg.part", "jpg", "lost.jpg", "notes.txt", "pipe.jpg")
    assert photos.other == others


def test_a_link_to_a_photo_is_a_photo(images, tmp_path):
    root = images("a.jpg")
    (tmp_path / "elsewhere.jpg").write_bytes(b"")
    (root / "b.jpg").symlink_to(tmp_path / "elsewhere.jpg")
    assert scan_photo_folder(root).stems == ["a", "b"]


def test_the_photos_of_a_relative_folder_are_found_from_any_folder(images, tmp_path, monkeypatch):
    root = images("a.jpg", content=b"bytes")
    monkeypatch.chdir(tmp_path)
    photos = scan_photo_folder(root.relative_to(tmp_path))
    monkeypatch.chdir(root)  # as a cluster's nodes, which work in a folder of their own
    assert dict(photos.photos())["a"].read_bytes() == b"bytes"


def test_two_photos_of_one_stem(images):
    with pytest.raises(InputError, match=r"has two photos named a: a\.PNG and a\.jpg; rename one\."):
        scan_photo_folder(images("a.jpg", "a.PNG", "b.jpg"))


def test_no_photo(images):
    with pytest.raises(InputError, match="has no photo"):
        scan_photo_folder(images("notes.txt"))


@pytest.mark.parametrize("name", ["gone", "file"])
def test_no_folder(tmp_path, name):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be read as a folder; give --images a folder of photos"):
        scan_photo_folder(tmp_path / name)


# Details


@pytest.fixture
def details_csv(tmp_path):
    """Makes a csv of this content."""

    def make(content):
        path = tmp_path / "details.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return make


@pytest.mark.parametrize(
    "content",
    [
        "image,age,sex,site\na,45,male,back\nb,,unknown,\n",
        "image,age,sex,site\r\na,45.0,MALE,posterior torso\r\nb\r\n",
        "\ufeffimage,age,sex,site\na,45,male,back\n\nb,,,\n\n",
        'site,note,sex,age,image\nback,"two\nlines, ""quoted""",male,45,a\n,,,,b',
        # Of German Excel, with blanks in the header, with file endings, of R, and of Windows in western Europe.
        "\ufeffimage;age;sex;site\r\na;45,0;male;back\r\nb;;;\r\n",
        "image, Age, SEX, site\na, 45, male, back\nb, , , \n",
        "image,age,sex,site\na.jpeg,45,male,back\nb.JPG,,,\n",
        '"","image","age","sex","site"\n"1","a",45,"male","back"\n"2","b",NA,NA,NA\n',
        "image;age;sex;site;note\na;45;male;back;schön\nb;;;;\n".encode("cp1252"),
    ],
)
def test_details_by_image(details_csv, content):
    assert read_details(details_csv(content)).by_image == {
        "a": Details(45, "male", "posterior torso"),
        "b": Details(),
    }


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "lacks the column image, age, sex, site; it needs image, age, sex, site, and has none."),
        ("image,age,sex\na,1,male\n", "lacks the column site; "),
        (
            "img;age;sex;site\n",
            "lacks the column image; it needs image, age, sex, site, and has img, age, sex, site.",
        ),
        (
            "image,age,sex,site\na,1,male,back\nb,old,male,back\n",
            ", row 3: Age must be a number from 0 to 120",
        ),
        ("image,age,sex,site\na,inf,male,back\n", ", row 2: Age must be .* The cell says 'inf'."),
        ("image,age,sex,site\na,1,m,back\n", ", row 2: Sex must be .* The cell says 'm'."),
        ("image,age,sex,site\na,1,,moon\n", ", row 2: Site must be .* The cell says 'moon'."),
        # As a spreadsheet counts them: empty rows too, and a row of two lines once.
        ('image,age,sex,site,x\n\na,1,,,"1\n2"\nb,-1,,\n', ", row 4: Age"),
        ("image,age,sex,site\n,,,\n ,2,,\n", ", row 3: the image is not named"),
        ('image,age,sex,site\na,1,,"back\nb,2,,\n', ", row 2: a quotation mark opens in this row"),
        (b"image,age,sex,site\n\x81,1,,\n", ", row 2: a byte is not utf-8 or cp1252;"),
    ],
)
def test_details_refused(details_csv, content, said):
    path = details_csv(content)
    with pytest.raises(InputError, match=f"^{path}.*{said}") as caught:
        read_details(path)
    assert "\n" not in str(caught.value)


def test_details_without_a_row_are_noted(details_csv):
    path = details_csv("image,age,sex,site\n")
    table = read_details(path)
    assert (table.by_image, table.notes) == ({}, (f"{path} has no row below its header.",))


def test_repeated_details_count_once_and_contradictory_ones_not_at_all(details_csv):
    path = details_csv("image,age,sex,site\na,1,,\nb,2,,\na.jpg,1,,\nb,3,,\n")
    table = read_details(path)
    assert table.by_image == {"a": Details(1), "b": Details()}
    assert match_details(table.by_image, ["b"]) == ({"b": Details()}, ["a"])  # a row names the photo b
    assert table.findings == (
        f"{path}: repeated rows, each counted once: 1 (a (row 4))",
        f"{path}: contradictory rows, all left out: 2 (b (row 3), b (row 5))",
    )


def test_details_match_photos_in_other_unicode_form():
    """Case 12: macOS decomposes a file's name."""
    stem = unicodedata.normalize("NFD", "Läsion 1")
    matched, unknown = match_details({"Läsion 1": Details(80), "x": Details()}, [stem, "y"])
    assert matched == {stem: Details(80)}
    assert unknown == ["x"]


def test_details_name_a_photo_with_two_endings_with_both_one_or_none(details_csv):
    for image in ("a.dcm.png", "a.dcm", "a"):
        table = read_details(details_csv(f"image,age,sex,site\n{image},80,,\n"))
        assert match_details(table.by_image, ["a.dcm"]) == ({"a.dcm": Details(age=80)}, [])


def test_details_of_which_no_row_names_a_photo_are_an_error():
    with pytest.raises(
        InputError, match=r"details names a photo: the details have 'a', and the photos are named 'b'"
    ):
        match_details({"a": Details()}, ["b"])
    assert match_details({}, ["b"]) == ({}, [])


def test_absent_details(tmp_path):
    with pytest.raises(InputError, match=r"gone\.csv cannot be read: No such file or directory\.$"):
        read_details(tmp_path / "gone.csv")


# The same files in every run.
BOUNDED = settings(max_examples=200, derandomize=True, deadline=None, database=None)
text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
# What a cell says and how it is read; None in place of the pair is a cell that is refused.
age = st.sampled_from([("45", 45.0), (" 0 ", None), ("", None), ("Unknown", None), None])
sex = st.sampled_from([("male", "male"), ("FEMALE", "female"), ("", None), ("unknown", None), None])
site = st.sampled_from([("back", "posterior torso"), ("Head/Neck", "head/neck"), ("", None), None])
WRONG = "neither here nor there"


@pytest.fixture(scope="module")
def any_csv(tmp_path_factory):
    return tmp_path_factory.mktemp("any") / "details.csv"


@BOUNDED
@given(
    rows=st.lists(
        st.tuples(text.filter(str.strip), age, sex, site),
        max_size=6,
        unique_by=lambda row: normalize_image_id(row[0]),
    ),
    order=st.permutations(["image", "age", "sex", "site", "note"]),
    written=st.sampled_from([("\n", csv.QUOTE_ALL), ("\r\n", csv.QUOTE_MINIMAL)]),
    note=text,
    encoding=st.sampled_from(["utf-8", "utf-8-sig"]),
)
def test_details_are_read_as_they_were_written(any_csv, rows, order, written, note, encoding):
    terminator, quoting = written
    with any_csv.open("w", newline="", encoding=encoding) as file:
        table = csv.DictWriter(file, order, lineterminator=terminator, quoting=quoting)
        table.writeheader()
        for image, *cells in rows:
            texts = (cell[0] if cell else WRONG for cell in cells)
            table.writerow(dict(zip(("age", "sex", "site"), texts, strict=True), image=image, note=note))
    refused = [number for number, row in enumerate(rows, start=2) if None in row]
    if refused:
        with pytest.raises(InputError, match=rf", row {refused[0]}: .* The cell says '{WRONG}'\.$"):
            read_details(any_csv)
    else:
        expected = {
            normalize_image_id(image): Details(*(value for _, value in cells)) for image, *cells in rows
        }
        assert read_details(any_csv).by_image == expected


pieces = st.sampled_from(
    ["image", "age", "sex", "site", "a", "45", "male", "back", ",", '"', "\n", "\r", "\0", "\x1b", "\ufeff"]
)
scraps = st.lists(pieces, max_size=30).map(lambda parts: "".join(parts).encode())


@BOUNDED
@given(st.one_of(scraps, scraps.map(b"image,age,sex,site\n".__add__), st.binary(max_size=100)))
@example(b'image,age,sex,site\n"a\n\x1b",1,,\n"a\n\x1b",2,,\n')
@example(b'image,age,sex,site\na,"' + b"1" * 200_000 + b'",,\n')
def test_any_file_is_read_as_details_or_refused_in_one_line(any_csv, content):
    any_csv.write_bytes(content)
    rows, message = {}, str(any_csv)
    try:
        rows = read_details(any_csv).by_image
    except InputError as error:
        message = str(error)
    assert message.startswith(str(any_csv))
    assert message.isprintable()
    for details in rows.values():
        assert details.age is None or 0 <= details.age <= 120
        assert details.sex in {None, "female", "male"}


# Answers


def test_files_beside():
    outs = ("x/p.csv", "p", "a.b.csv", "run.2024")
    assert [str(companion_path(photo_folder.Path(out), "errors")) for out in outs] == [
        "x/p.errors.csv",
        "p.errors.csv",
        "a.b.errors.csv",
        "run.2024.errors.csv",
    ]


def test_a_file_that_cannot_be_read_is_listed(predictor, images, tmp_path):
    root = images("a.png", "b.png", content=photo())
    photos = scan_photo_folder(root)
    (root / "a.png").unlink()
    failed = predict_folder(predictor, photos, {}, tmp_path / "p.csv")
    reason = f"{root / 'a.png'} cannot be read: No such file or directory."
    assert failed == [("a", reason)]
    assert (tmp_path / "p.errors.csv").read_text() == f"image,reason\na,photo_unreadable: {reason}\n"


def test_names_that_csv_must_quote_and_names_that_are_no_text(predictor, images, tmp_path):
    root = images('a,"b".png', "c\nd.png", content=photo())
    odd = os.fsencode(root) + b"/\xff.png"
    try:
        with open(odd, "wb") as file:  # noqa: PTH123 - a Path holds no bytes
            file.write(photo())
    except OSError:  # macOS takes UTF-8 only
        odd = None
    predict_folder(predictor, scan_photo_folder(root), {}, tmp_path / "p.csv")
    lines = (tmp_path / "p.answers.csv").read_text(encoding="utf-8").split("\n", 1)[1]
    answer = predictor.answer(photo())
    said = f",MEL,higher_concern,cancer_threshold;melanoma_threshold,MEL,MEL,{answer.nearness:.12f}\n"
    assert lines == f'"a,""b"""{said}"c\nd"{said}' + (f"\\udcff{said}" if odd else "")


def stopped_at(predictor, monkeypatch, count):
    """Make the predictor end in Ctrl-C at this photo; gives the photos that it was asked for."""
    answer, asked = predictor.answer, []

    def stopped(*arguments, **options):
        asked.append(arguments)
        if len(asked) == count:
            raise KeyboardInterrupt
        return answer(*arguments, **options)

    monkeypatch.setattr(predictor, "answer", stopped)
    return asked


def test_nothing_appears_when_a_run_is_stopped_and_the_next_one_goes_on(
    predictor, images, tmp_path, monkeypatch
):
    root = images(*(f"{i}.png" for i in range(50)), content=photo())
    (root / "05.png").write_bytes(b"no photo")
    photos = scan_photo_folder(root)
    failed = predict_folder(predictor, photos, {}, tmp_path / "whole.csv")
    assert [stem for stem, _ in failed] == ["05"]
    (tmp_path / "p.csv").write_text("of an earlier run")
    before = sorted(path.name for path in tmp_path.iterdir())
    with monkeypatch.context() as patch:
        stopped_at(predictor, patch, 40)
        with pytest.raises(KeyboardInterrupt):
            predict_folder(predictor, photos, {}, tmp_path / "p.csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*before, "p.csv.work"])
    assert (tmp_path / "p.csv").read_text() == "of an earlier run"
    asked = stopped_at(predictor, monkeypatch, 51)
    assert predict_folder(predictor, photos, {}, tmp_path / "p.csv") == failed  # from before the stop
    assert 51 - 40 <= len(asked) < 51 - 20
    for ending in ("", ".answers", ".errors"):
        assert (tmp_path / f"p{ending}.csv").read_text() == (tmp_path / f"whole{ending}.csv").read_text()
    assert not (tmp_path / "p.csv.work").exists()


@pytest.mark.parametrize("change", ["photo", "details", "more"])
def test_a_stopped_run_of_something_else_is_begun_anew(predictor, images, tmp_path, monkeypatch, change):
    root = images(*(f"{i}.png" for i in range(30)), content=photo())
    with monkeypatch.context() as patch:
        stopped_at(predictor, patch, 25)
        with pytest.raises(KeyboardInterrupt):
            predict_folder(predictor, scan_photo_folder(root), {}, tmp_path / "p.csv")
    details = {"0": Details(age=80)} if change == "details" else {}
    if change == "photo":
        (root / "0.png").write_bytes(photo("lime"))
    if change == "more":
        images("00.png", content=photo("blue"))
    predict_folder(predictor, scan_photo_folder(root), details, tmp_path / "p.csv")
    predict_folder(predictor, scan_photo_folder(root), details, tmp_path / "fresh.csv")
    assert (tmp_path / "p.csv").read_text() == (tmp_path / "fresh.csv").read_text()


def test_shards_follow_each_other_and_are_the_whole(images):
    photos = scan_photo_folder(images(*(f"{i}.png" for i in range(11)), "notes.txt"))
    parts = [photos.shard(number, 3) for number in (1, 2, 3)]
    assert [len(part.names) for part in parts] == [3, 4, 4]
    assert [stem for part in parts for stem in part.stems] == photos.stems
    assert photos.shard(1, 1) == photos
    assert [len(photos.shard(number, 20).names) for number in range(1, 21)].count(1) == 11


def test_a_terminal_gets_a_bar_of_this_runs_photos(predictor, images, tmp_path, monkeypatch):
    root = images(*(f"{i}.png" for i in range(30)), content=photo())
    with monkeypatch.context() as patch:
        stopped_at(predictor, patch, 25)
        with pytest.raises(KeyboardInterrupt):
            predict_folder(predictor, scan_photo_folder(root), {}, tmp_path / "p.csv")
    done = len((tmp_path / "p.csv.work" / "rows.csv").read_text().splitlines()) - 1
    terminal = StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr("sys.stderr", terminal)
    predict_folder(predictor, scan_photo_folder(root), {}, tmp_path / "p.csv")
    assert f"0/{30 - done}" in terminal.getvalue()
    assert f"{30 - done}/{30 - done}" in terminal.getvalue()


@pytest.mark.parametrize("out", ["file/p.csv", "folder"])
def test_a_place_that_cannot_be_written_is_told_before_a_photo_is_read(
    predictor, images, tmp_path, out, monkeypatch
):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    monkeypatch.setattr(predictor, "answer", None)
    with pytest.raises(InputError, match=rf"^{tmp_path / out} cannot be written: .*\.$"):
        predict_folder(predictor, scan_photo_folder(images("a.png")), {}, tmp_path / out)


class Result:
    """Stands for an answer."""

    decision, status, reasons, nearness, probabilities = "MEL", "uncertain", (), 0.5, {}
    sets = PhotoPredictionSets(dict.fromkeys(COVERAGE_LEVELS, ()), is_wide=False)


class Counting:
    """A predictor that counts what it was asked, and answers with objects that can be watched."""

    def __init__(self):
        self.asked = 0
        self.given = []
        self.lock = threading.Lock()

    def answer(self, data, details, dermatoscope):
        result = Result()
        with self.lock:
            self.asked += 1
            self.given.append(weakref.ref(result))
        return result


def with_details(photos, details):
    return ((stem, file, details.get(stem, Details())) for stem, file in photos.photos())


def test_few_photos_are_in_flight_and_no_answer_is_kept(images):
    """Whatever their number: this is what keeps the memory constant."""
    predictor, cores = Counting(), usable_cores()
    count = 10 * photo_folder.IN_FLIGHT_PER_CORE * cores
    photos = scan_photo_folder(images(*(f"{i:05d}.png" for i in range(count))))
    options = photo_folder.RowOptions(())
    for done, rows in enumerate(
        photo_folder.predict_rows(predictor, with_details(photos, {}), options), start=1
    ):
        assert rows["rows"] == [f"{done - 1:05d}"]
        assert predictor.asked <= done + photo_folder.IN_FLIGHT_PER_CORE * cores
    assert len(predictor.given) == predictor.asked == count
    assert [reference for reference in predictor.given if reference()] == []


def test_a_photo_that_is_refused_has_its_row_all_the_same(make_bundle, images, tmp_path):
    quality = NEVER_REFUSED | {"contrast": {"refuse": 10.0, "warn": None}}
    predictor = Predictor(load_bundle(make_bundle(quality=quality)))
    striped = Image.new("RGB", (30, 20), "blue")
    striped.paste("lime", (0, 0, 30, 9))
    file = BytesIO()
    striped.save(file, "PNG")
    root = images("a.png", content=photo())
    (root / "b.png").write_bytes(file.getvalue())
    assert predict_folder(predictor, scan_photo_folder(root), {}, tmp_path / "p.csv") == []
    header, first, second = (tmp_path / "p.answers.csv").read_text().splitlines()
    assert header == "image,class,status,reasons,set90,set95,nearness"
    assert first.startswith("a,MEL,refused,photo_blank,MEL,MEL,")
    # Blue 2.75, lime 2.25 (e^2.75 = 15.6, e^2.25 = 9.5): NV has .31, and the other classes with e^0 have .03 each.
    assert second.startswith(
        "b,VASC,uncertain,not_clear;frame_sensitive,VASC;NV,VASC;NV;MEL;BCC;AKIEC;BKL;DF,"
    )
    assert len((tmp_path / "p.csv").read_text().splitlines()) == 3


def test_the_header_fills_in_what_the_csv_leaves_out(images):
    class Watching(Counting):
        def answer(self, data, details, dermatoscope):
            given.append(details)
            return super().answer(data, details, dermatoscope)

    given = []
    file = dicom(np.zeros((4, 4, 3), np.uint8))  # of a woman of 45 years, the lower extremity
    photos = scan_photo_folder(images("a.dcm", "b.dcm", content=file))
    details, options = {"a": Details(age=30, site="torso")}, photo_folder.RowOptions(())
    list(photo_folder.predict_rows(Watching(), with_details(photos, details), options))
    assert set(given) == {Details(30, "female", "torso"), Details(45, "female", "lower extremity")}


@pytest.mark.parametrize(("task", "melanoma"), [("ham10000", "MEL"), ("isic2020", "melanoma")])
def test_kaggles_layout_has_the_probability_of_melanoma(images, tmp_path, task, melanoma):
    predictor = Predictor(load_bundle(make_tiny_bundle(tmp_path / "bundle", task=task)))
    photos = scan_photo_folder(images("b.png", "a.png", content=photo()))
    predict_folder(predictor, photos, {}, tmp_path / "k.csv", photo_folder.KAGGLE_LAYOUT)
    predict_folder(predictor, photos, {}, tmp_path / "p.csv")
    with (tmp_path / "k.csv").open() as kaggle, (tmp_path / "p.csv").open() as own:
        rows, expected = list(csv.DictReader(kaggle)), list(csv.DictReader(own))
    assert rows == [{"image_name": row["image"], "target": row[melanoma]} for row in expected]
    assert [row["image_name"] for row in rows] == ["a", "b"]


def test_of_two_classes_the_csv_has_the_first(images, tmp_path):
    predictor = Predictor(load_bundle(make_tiny_bundle(tmp_path / "bundle", task="isic2020")))
    predict_folder(predictor, scan_photo_folder(images("a.png", content=photo())), {}, tmp_path / "p.csv")
    assert (tmp_path / "p.csv").read_text().splitlines()[0] == "image,melanoma"
