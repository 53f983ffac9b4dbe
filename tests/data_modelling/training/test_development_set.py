import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from data_modelling.inference.photo.reader import read_photo
from data_modelling.training import development_set


@pytest.fixture
def table(tmp_path: Path) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = []
    for name in ("a", "b", "c"):
        path = tmp_path / f"{name}.png"
        Image.fromarray(rng.integers(0, 256, (40, 60, 3), dtype=np.uint8)).save(path)
        rows.append({"image_id": name, "path": str(path)})
    return pd.DataFrame(rows)


def test_pixels_are_the_photo_readers_row_by_row(table: pd.DataFrame, tmp_path: Path) -> None:
    decoded = development_set.decode_photos(table, 16, tmp_path / "work")
    expected = np.stack([read_photo(Path(path).read_bytes(), 16) for path in table["path"]])
    np.testing.assert_array_equal(decoded.pixels, expected)
    assert decoded.broken == {}


def test_a_second_call_decodes_nothing(
    table: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = np.array(development_set.decode_photos(table, 16, tmp_path / "work").pixels)
    monkeypatch.setattr(development_set.reader, "read_photo", lambda *_: pytest.fail("decoded again"))
    np.testing.assert_array_equal(development_set.decode_photos(table, 16, tmp_path / "work").pixels, first)


def test_another_edge_and_a_changed_photo_are_decoded_anew(table: pd.DataFrame, tmp_path: Path) -> None:
    development_set.decode_photos(table, 16, tmp_path / "work")
    assert development_set.decode_photos(table, 8, tmp_path / "work").pixels.shape == (3, 8, 8, 3)
    black = tmp_path / "b.png"
    Image.new("RGB", (40, 40)).save(black)
    os.utime(black, ns=(1, 1))
    assert development_set.decode_photos(table, 8, tmp_path / "work").pixels[1].max() == 0


def test_a_photo_that_does_not_decode_is_named_and_the_others_are_there(
    table: pd.DataFrame, tmp_path: Path
) -> None:
    whole = Path(table.loc[1, "path"])
    whole.write_bytes(whole.read_bytes()[:200])
    decoded = development_set.decode_photos(table, 16, tmp_path / "work")
    assert list(decoded.broken) == ["b"]
    assert decoded.pixels[0].any()
    assert decoded.pixels[2].any()


def test_an_interruption_leaves_nothing_that_looks_whole(
    table: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(development_set, "tqdm", interrupted)
    with pytest.raises(KeyboardInterrupt):
        development_set.decode_photos(table, 16, tmp_path / "work")
    assert list((tmp_path / "work").iterdir()) == []
