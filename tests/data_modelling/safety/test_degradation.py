from io import BytesIO
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from data_modelling.inference.checks.image_quality import QUALITY_CHECKS, measure_quality
from data_modelling.inference.photo.reader import read_photo, square_edge
from data_modelling.safety.degradation import DEGRADATION_KINDS, encode_png

BAD = {check.measure: check.bad for check in QUALITY_CHECKS}


@pytest.fixture(scope="module")
def square() -> Image.Image:
    """Noise whose amplitude falls with the frequency, as in photos of nature; none of it clipped."""
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(256), np.fft.fftfreq(256)))
    noise = np.random.default_rng(3).normal(size=(3, 256, 256))
    planes = np.fft.ifft2(np.fft.fft2(noise) / np.maximum(frequency, 1 / 256)).real
    levels = 130 + 25 * planes / planes.std(axis=(1, 2), keepdims=True)
    return Image.fromarray(levels.transpose(1, 2, 0).clip(40, 230).astype(np.uint8))


@pytest.mark.parametrize("kind", DEGRADATION_KINDS)
def test_each_step_is_worse_by_the_measures_of_its_kind(kind, square):
    files = [
        encode_png(square),
        *(
            DEGRADATION_KINDS[kind].degrade(square, severity)
            for severity in DEGRADATION_KINDS[kind].severities
        ),
    ]
    found = [measure_quality(read_photo(file, 112), square_edge(file)) for file in files]
    for name in DEGRADATION_KINDS[kind].measures:
        sign = 1 if BAD[name] == "high" else -1
        values = [sign * getattr(one, name) for one in found]
        assert values[-1] > values[0]
        assert all(later >= earlier - 0.05 for earlier, later in pairwise(values)), values


def test_exposure_and_fading_by_hand():
    two = Image.fromarray(np.array([[[100, 100, 100], [200, 200, 200]]], np.uint8))

    def levels(kind: str, severity: float) -> list[int]:
        with Image.open(BytesIO(DEGRADATION_KINDS[kind].degrade(two, severity))) as photo:
            return np.asarray(photo)[0, :, 0].tolist()

    assert levels("dark", 0.5) == [50, 100]
    assert levels("bright", 1.5) == [150, 255]
    assert levels("faded", 0.5) == [125, 175]
    assert levels("lifted", 0.5) == [round(255 * (100 / 255) ** 0.5), round(255 * (200 / 255) ** 0.5)]


def test_motion_smears_along_the_rows_alone():
    line = np.zeros((100, 100, 3), np.uint8)
    line[:, 50] = 200
    with Image.open(BytesIO(DEGRADATION_KINDS["motion"].degrade(Image.fromarray(line), 10))) as photo:
        row = np.asarray(photo)[7, :, 0]
    assert sorted(np.flatnonzero(row)) == list(range(row.argmax(), row.argmax() + 10))
    assert set(row[row > 0]) == {20}
    assert abs(np.flatnonzero(row).mean() - 50) <= 1
