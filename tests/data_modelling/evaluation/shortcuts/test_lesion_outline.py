from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_modelling.evaluation.shortcuts.lesion_painting import read_outline
from data_modelling.inference.errors import InputError


def saved(path: Path, pixels: np.ndarray) -> str:
    Image.fromarray(pixels).save(path)
    return str(path)


def test_an_outline_is_read_as_its_photo_is(tmp_path: Path) -> None:
    """Of 60 x 40 pixels the left half is lesion: also of the centre square, at the edge that the network sees."""
    photo = saved(tmp_path / "photo.png", np.full((40, 60, 3), 150, np.uint8))
    left = np.zeros((40, 60), np.uint8)
    left[:, :30] = 255
    outline = read_outline(saved(tmp_path / "outline.png", left), photo, 8)
    np.testing.assert_array_equal(outline, np.repeat([[True] * 4 + [False] * 4], 8, axis=0))


def test_an_outline_that_cannot_be_its_photos_is_refused(tmp_path: Path) -> None:
    photo = saved(tmp_path / "photo.png", np.full((40, 60, 3), 150, np.uint8))
    other = saved(tmp_path / "outline.png", np.full((60, 60), 255, np.uint8))
    with pytest.raises(InputError, match="has 60 x 60 pixels and its photo 60 x 40"):
        read_outline(other, photo, 8)
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"broken\.png: "):
        read_outline(str(broken), photo, 8)
