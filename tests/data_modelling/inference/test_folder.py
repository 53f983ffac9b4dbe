import csv
import os
import threading
import weakref
from io import BytesIO

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from data_modelling.inference import folder
from data_modelling.inference.bundle import load_bundle
from data_modelling.inference.details import Details
from data_modelling.inference.errors import InputError
from data_modelling.inference.folder import beside, photos_in, predict_folder, read_details
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
    found = photos_in(images("b.jpg", "a.JPG", "B.Jpeg", "é.png", "a-1.webp", "a.b.PNG", "10.dcm", "9.jpg"))
    assert list(found.paths) == ["10", "9", "B", "a", "a-1", "a.b", "b", "é"]
    assert found.paths["a.b"].name == "a.b.PNG"
    assert found.other == ()


def test_other_files_are_named_and_folders_left_alone(images):
    root = images("a.jpg", "notes.txt", "a.csv", ".jpg", "._a.jpg", "jpg", "a.jpg.part")
    (root / "deeper.jpg").mkdir()
    (root / "deeper.jpg" / "b.jpg").write_bytes(b"")
    (root / "lost.jpg").symlink_to(root / "gone.jpg")
    os.mkfifo(root / "pipe.jpg")  # would be waited for without end
    found = photos_in(root)
    assert list(found.paths) == ["a"]
    others = ("._a.jpg", ".jpg", "a.csv", "a.jpg.part", "jpg", "lost.jpg", "notes.txt", "pipe.jpg")
    assert found.other == others


def test_a_link_to_a_photo_is_a_photo(images, tmp_path):
    root = images("a.jpg")
    (tmp_path / "elsewhere.jpg").write_bytes(b"")
    (root / "b.jpg").symlink_to(tmp_path / "elsewhere.jpg")
    assert list(photos_in(root).paths) == ["a", "b"]


def test_two_photos_of_one_stem(images):
    with pytest.raises(InputError, match=r"has two photos named a: a\.PNG and a\.jpg; rename one\."):
        photos_in(images("a.jpg", "a.PNG", "b.jpg"))


def test_no_photo(images):
    with pytest.raises(InputError, match="holds no photo"):
        photos_in(images("notes.txt"))


@pytest.mark.parametrize("name", ["gone", "file"])
def test_no_folder(tmp_path, name):
    (tmp_path / "file").write_text("")
    with pytest.raises(
        InputError, match="is no folder that can be read; --images must name a folder of photos"
    ):
        photos_in(tmp_path / name)


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
    ],
)
def test_details_by_image(details_csv, content):
    assert read_details(details_csv(content)) == {"a": Details(45, "male", "posterior torso"), "b": Details()}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "lacks the column image; it needs image, age, sex, site."),
        ("image,age,sex\na,1,male\n", "lacks the column site; "),
        ("image;age;sex;site\n", "lacks the column image; "),
        (
            "image,age,sex,site\na,1,male,back\nb,old,male,back\n",
            ", row 3: Age must be a number from 0 to 120",
        ),
        ("image,age,sex,site\na,nan,male,back\n", ", row 2: Age must be .* It says 'nan'."),
        ("image,age,sex,site\na,1,m,back\n", ", row 2: Sex must be .* It says 'm'."),
        ("image,age,sex,site\na,1,,moon\n", ", row 2: Site must be .* It says 'moon'."),
        # As a spreadsheet counts them: empty rows too, and a row of two lines once.
        ('image,age,sex,site,x\n\na,1,,,"1\n2"\nb,-1,,\n', ", row 4: Age"),
        ("image,age,sex,site\n,,,\n ,2,,\n", ", row 3: the image is not named"),
        ("image,age,sex,site\na,1,,\na,2,,\n", ", row 3: 'a' stands there twice; keep one row."),
        ('image,age,sex,site\na,1,,"back\nb,2,,\n', "is no csv in UTF-8: "),
        (b"image,age,sex,site\n\xe4,1,,\n", "is no csv in UTF-8: "),
    ],
)
def test_details_refused(details_csv, content, said):
    path = details_csv(content)
    with pytest.raises(InputError, match=f"^{path}.*{said}") as caught:
        read_details(path)
    assert "\n" not in str(caught.value)


def test_absent_details(tmp_path):
    with pytest.raises(InputError, match=r"gone\.csv cannot be read: No such file or directory\.$"):
        read_details(tmp_path / "gone.csv")


# The same files in every run.
BOUNDED = settings(max_examples=200, derandomize=True, deadline=None, database=None)
text = st.text(st.characters(codec="utf-8"), max_size=8)
# What a cell says and how it is read; None in place of the pair is a cell that is refused.
age = st.sampled_from([("45", 45.0), (" 0 ", 0.0), ("", None), ("Unknown", None), None])
sex = st.sampled_from([("male", "male"), ("FEMALE", "female"), ("", None), ("unknown", None), None])
site = st.sampled_from([("back", "posterior torso"), ("Head/Neck", "head/neck"), ("", None), None])
WRONG = "neither here nor there"


@pytest.fixture(scope="module")
def any_csv(tmp_path_factory):
    return tmp_path_factory.mktemp("any") / "details.csv"


@BOUNDED
@given(
    rows=st.lists(
        st.tuples(text.filter(str.strip), age, sex, site), max_size=6, unique_by=lambda row: row[0]
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
        with pytest.raises(InputError, match=rf", row {refused[0]}: .* It says '{WRONG}'\.$"):
            read_details(any_csv)
    else:
        expected = {image: Details(*(value for _, value in cells)) for image, *cells in rows}
        assert read_details(any_csv) == expected


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
    found, said = {}, str(any_csv)
    try:
        found = read_details(any_csv)
    except InputError as error:
        said = str(error)
    assert said.startswith(str(any_csv))
    assert said.isprintable()
    for details in found.values():
        assert details.age is None or 0 <= details.age <= 120
        assert details.sex in {None, "female", "male"}


# Answers


def test_files_beside():
    assert [str(beside(folder.Path(out), "errors")) for out in ("x/p.csv", "p", "a.b.csv")] == [
        "x/p.errors.csv",
        "p.errors.csv",
        "a.b.errors.csv",
    ]


def test_a_file_that_cannot_be_read_is_listed(predictor, images, tmp_path):
    root = images("a.png", "b.png", content=photo())
    photos = photos_in(root)
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
    predict_folder(predictor, photos_in(root), {}, tmp_path / "p.csv")
    lines = (tmp_path / "p.answers.csv").read_text(encoding="utf-8").split("\n", 1)[1]
    answer = predictor.answer(photo())
    said = f",MEL,higher_concern,cancer_threshold;melanoma_threshold,MEL,MEL,{answer.nearness:.12f}\n"
    assert lines == f'"a,""b"""{said}"c\nd"{said}' + (f"\\udcff{said}" if odd else "")


def stopped_at(predictor, monkeypatch, count):
    """Make the predictor end in Ctrl-C at this photo; gives the photos that it was asked for."""
    answer, asked = predictor.answer, []

    def stopped(*arguments):
        asked.append(arguments)
        if len(asked) == count:
            raise KeyboardInterrupt
        return answer(*arguments)

    monkeypatch.setattr(predictor, "answer", stopped)
    return asked


def test_nothing_appears_when_a_run_is_stopped_and_the_next_one_goes_on(
    predictor, images, tmp_path, monkeypatch
):
    root = images(*(f"{i}.png" for i in range(50)), content=photo())
    (root / "05.png").write_bytes(b"no photo")
    photos = photos_in(root)
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
            predict_folder(predictor, photos_in(root), {}, tmp_path / "p.csv")
    details = {"0": Details(age=80)} if change == "details" else {}
    if change == "photo":
        (root / "0.png").write_bytes(photo("lime"))
    if change == "more":
        images("00.png", content=photo("blue"))
    predict_folder(predictor, photos_in(root), details, tmp_path / "p.csv")
    predict_folder(predictor, photos_in(root), details, tmp_path / "fresh.csv")
    assert (tmp_path / "p.csv").read_text() == (tmp_path / "fresh.csv").read_text()


def test_shards_follow_each_other_and_are_the_whole(images):
    photos = photos_in(images(*(f"{i}.png" for i in range(11)), "notes.txt"))
    parts = [photos.shard(number, 3) for number in (1, 2, 3)]
    assert [len(part.paths) for part in parts] == [3, 4, 4]
    assert [stem for part in parts for stem in part.paths] == list(photos.paths)
    assert photos.shard(1, 1) == photos
    assert [len(photos.shard(number, 20).paths) for number in range(1, 21)].count(1) == 11


def test_the_bar_tells_the_time_left_of_this_run():
    """900 photos in 100 s; at that rate the 4,500 that are left take 500 s."""
    assert folder.bar(4500, 9000, 3600, 100) == f"[{'#' * 15}{'-' * 15}] 4,500 of 9,000 photos, 0:08:20 left "


@pytest.mark.parametrize("out", ["file/p.csv", "folder"])
def test_a_place_that_cannot_be_written_is_told_before_a_photo_is_read(
    predictor, images, tmp_path, out, monkeypatch
):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    monkeypatch.setattr(predictor, "answer", None)
    with pytest.raises(InputError, match=rf"^{tmp_path / out} cannot be written: .*\.$"):
        predict_folder(predictor, photos_in(images("a.png")), {}, tmp_path / out)


class Result:
    """Stands for an answer."""


class Counting:
    """A predictor that counts what it was asked, and answers with objects that can be watched."""

    def __init__(self):
        self.asked = 0
        self.lock = threading.Lock()

    def answer(self, data, details):
        with self.lock:
            self.asked += 1
        return Result()


def test_few_photos_are_in_flight_and_no_answer_is_kept(images):
    """Whatever their number: this is what keeps the memory constant."""
    predictor, cores = Counting(), os.cpu_count() or 1
    count = 10 * folder.AHEAD * cores
    photos = photos_in(images(*(f"{i:05d}.png" for i in range(count))))
    answers = folder._answers(predictor, photos.paths.items(), {})
    kept = []
    for done, (stem, answer) in enumerate(answers, start=1):
        assert stem == f"{done - 1:05d}"
        assert predictor.asked <= done + folder.AHEAD * cores
        kept.append(weakref.ref(answer))
        del answer
    assert len(kept) == predictor.asked == count
    assert [reference for reference in kept if reference()] == []


def test_a_photo_that_is_refused_has_its_row_all_the_same(make_bundle, images, tmp_path):
    quality = NEVER_REFUSED | {"contrast": {"refuse": 10.0, "warn": None}}
    predictor = Predictor(load_bundle(make_bundle(quality=quality)))
    striped = Image.new("RGB", (30, 20), "blue")
    striped.paste("lime", (0, 0, 30, 9))
    file = BytesIO()
    striped.save(file, "PNG")
    root = images("a.png", content=photo())
    (root / "b.png").write_bytes(file.getvalue())
    assert predict_folder(predictor, photos_in(root), {}, tmp_path / "p.csv") == []
    header, first, second = (tmp_path / "p.answers.csv").read_text().splitlines()
    assert header == "image,class,status,reasons,set90,set95,nearness"
    assert first.startswith("a,MEL,refused,photo_blank,MEL,MEL,")
    # Blue 2.75, lime 2.25 (e^2.75 = 15.6, e^2.25 = 9.5): NV has .31, and the other classes with e^0 have .03 each.
    assert second.startswith("b,VASC,no_cancer_class,,VASC;NV,VASC;NV;MEL;BCC;AKIEC;BKL;DF,")
    assert len((tmp_path / "p.csv").read_text().splitlines()) == 3


def test_the_header_fills_in_what_the_csv_leaves_out(images):
    class Watching(Counting):
        def answer(self, data, details):
            given.append(details)
            return super().answer(data, details)

    given = []
    file = dicom(np.zeros((4, 4, 3), np.uint8))  # of a woman of 45 years, the lower extremity
    photos = photos_in(images("a.dcm", "b.dcm", content=file))
    list(folder._answers(Watching(), photos.paths.items(), {"a": Details(age=30, site="torso")}))
    assert set(given) == {Details(30, "female", "torso"), Details(45, "female", "lower extremity")}


@pytest.mark.parametrize(("task", "melanoma"), [("ham10000", "MEL"), ("isic2020", "melanoma")])
def test_kaggles_layout_has_the_probability_of_melanoma(images, tmp_path, task, melanoma):
    predictor = Predictor(load_bundle(make_tiny_bundle(tmp_path / "bundle", task=task)))
    photos = photos_in(images("b.png", "a.png", content=photo()))
    predict_folder(predictor, photos, {}, tmp_path / "k.csv", folder.KAGGLE)
    predict_folder(predictor, photos, {}, tmp_path / "p.csv")
    with (tmp_path / "k.csv").open() as kaggle, (tmp_path / "p.csv").open() as own:
        found, expected = list(csv.DictReader(kaggle)), list(csv.DictReader(own))
    assert found == [{"image_name": row["image"], "target": row[melanoma]} for row in expected]
    assert [row["image_name"] for row in found] == ["a", "b"]


def test_of_two_classes_the_csv_has_the_first(images, tmp_path):
    predictor = Predictor(load_bundle(make_tiny_bundle(tmp_path / "bundle", task="isic2020")))
    predict_folder(predictor, photos_in(images("a.png", content=photo())), {}, tmp_path / "p.csv")
    assert (tmp_path / "p.csv").read_text().splitlines()[0] == "image,melanoma"
