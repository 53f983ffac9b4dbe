from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from data_modelling.inference.errors import PhotoError
from tests.fuzz import reader
from tests.fuzz.reader import CORPUS, read
from tests.fuzz.seeds import PIXELS, saved, seeds, with_checksums

# As in the app: of a damaged photo nobody is told more than that it is one.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")
FILES = sorted(CORPUS.iterdir())
MOST = 200_000  # bytes, of all files together


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_what_the_fuzzer_found_is_read_or_refused(path):
    read(path.read_bytes())


def test_the_corpus_is_small_and_reaches_every_refusal_but_that_of_nothing():
    contents = [path.read_bytes() for path in FILES]
    assert sum(map(len, contents)) < MOST
    assert {read(content) for content in contents} == {"read", *reader.CODES} - {"photo_empty"}
    assert read(b"") == "photo_empty"


def test_every_seed_is_looked_at_to_its_end():
    found = {name: read(data) for name, data in seeds().items()}
    others = {
        "jpeg-large": "photo_pixels",
        "png-row": "crop_range",
        "png-animated": "photo_animated",
        "webp-animated": "photo_animated",
        "dicom-frames": "photo_frames",
    }
    assert found == dict.fromkeys(found, "read") | others


@pytest.mark.parametrize(
    "wrong",
    [
        lambda *_: np.zeros((reader.EDGE, reader.EDGE, 3), np.float32),
        lambda *_: np.zeros((reader.EDGE, reader.EDGE), np.uint8),
        lambda *_: {}["a fault"],
        lambda *_: (_ for _ in ()).throw(PhotoError("photo_other", "a code that nobody knows")),
    ],
)
def test_a_fault_of_the_reader_would_be_noticed(monkeypatch, wrong):
    monkeypatch.setattr(reader, "read_photo", wrong)
    with pytest.raises((AssertionError, LookupError, PhotoError)):
        read(saved("PNG"))


def test_checksums_of_an_altered_png_are_mended():
    png = saved("PNG")
    wide = png[:19] + bytes([PIXELS.shape[1] + 1]) + png[20:]
    assert read(wide) == "photo_broken"
    assert with_checksums(png) == png
    assert with_checksums(wide) != wide
    assert Image.open(BytesIO(with_checksums(wide))).size == (PIXELS.shape[1] + 1, PIXELS.shape[0])
    assert with_checksums(png[:-6]) == png[:-6]
