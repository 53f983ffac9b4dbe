"""What must hold for any bytes that are given to the photo reader: for the fuzzer, and for the tests of its corpus."""

from pathlib import Path

import numpy as np

from data_modelling.inference.details import MAX_AGE, SEXES, SITES
from data_modelling.inference.errors import FieldError, PhotoError
from data_modelling.inference.photo.dicom import header_details
from data_modelling.inference.photo.reader import Crop, read_photo, square_edge

CORPUS = Path(__file__).with_name("corpus")
OWN = CORPUS.parents[2] / ".cache" / "fuzz"  # what the fuzzer writes
FOUND = OWN / "found"
EDGE = 2  # pixels; small, so that a JPEG of a few pixels is decoded at a smaller scale
CROPS = (None, Crop(0.2, 0.1, 0.5))  # for files of an even length, and of an odd one; both within any photo
REFUSALS = ("empty", "type", "pixels", "animated", "frames", "broken")
CODES = {*(f"photo_{refusal}" for refusal in REFUSALS), "crop_range"}


def read(data: bytes) -> str:
    """What comes of the bytes: "read", or the code of the refusal; raises something for anything else."""
    details = header_details(data)
    assert details.age is None or 0 <= details.age <= MAX_AGE
    assert details.sex in {None, *SEXES}
    assert details.site in {None, *SITES}
    crop = CROPS[len(data) % len(CROPS)]
    try:
        photo = read_photo(data, EDGE, crop)
    except (PhotoError, FieldError) as error:
        if error.code not in CODES:
            raise
        return error.code
    assert (photo.shape, photo.dtype) == ((EDGE, EDGE, 3), np.uint8)
    assert square_edge(data, crop) >= 1
    return "read"
