import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from data_modelling.datasets.roots import REPOSITORY_DATA
from data_modelling.datasets.split_photos import BY_NAME, development_photos
from data_modelling.datasets.splits import TEST
from data_modelling.inference.looks import COUNT, EDGE, looks
from data_modelling.inference.origin import load_detector
from data_modelling.inference.photos import read_photo
from data_modelling.rejection import origin
from data_modelling.rejection.origin import NAMES, SOURCES, Photos

SAMPLE = 40  # photos of a source


def test_a_photo_is_stretched_at_most_by_four_thirds_and_encoded_anew():
    circle = Image.new("RGB", (300, 300), "white")
    circle.paste("black", (100, 100, 200, 200))
    file = io.BytesIO()
    circle.save(file, "PNG")
    ratios = []
    for seed in range(12):
        data = origin.stretched_anew(file.getvalue(), np.random.default_rng(seed))
        assert data.startswith(b"\xff\xd8")
        with Image.open(io.BytesIO(data)) as image:
            dark = np.asarray(image.convert("L")) < 128
        ratios.append(dark.any(axis=0).sum() / dark.any(axis=1).sum())
    assert 0.74 < min(ratios) < 0.95
    assert 1.05 < max(ratios) < 1.35


@pytest.fixture(scope="module")
def photos():
    """Four sources that differ in five values each, twenty groups of three photos a source."""
    rng = np.random.default_rng(2)
    count = 60
    source = np.repeat(np.arange(4), count)
    values = rng.normal(0, 1, (4 * count, COUNT)).astype(np.float32)
    for value in range(5):
        values[np.arange(4 * count), source + 4 * value] += 8
    group = np.tile(np.repeat(np.arange(20), 3), 4)
    table = pd.DataFrame(
        {"source": np.array(SOURCES)[source], "group_id": group.astype(str), "part": (group % 5).astype(str)}
    )
    return Photos(table, values, values)


def test_sources_that_differ_are_told_apart_by_photos_of_other_groups(photos, monkeypatch):
    monkeypatch.setattr(origin, "BATCH", 16)  # few photos need more steps
    altered, _ = origin.out_of_fold(photos)
    right = np.array(SOURCES)[altered.argmax(axis=1)] == photos.table["source"]
    assert right.mean() > 0.95
    assert altered.sum(axis=1) == pytest.approx(1)


def test_a_detector_without_a_source_gives_it_nothing(photos):
    altered, _ = origin.without_source(photos, SOURCES[2])
    assert (altered[:, 2] == 0).all()
    assert altered.sum(axis=1) == pytest.approx(1)


def test_thresholds_flag_no_more_than_they_may(photos):
    altered, plain = origin.out_of_fold(photos)
    thresholds = origin.thresholds_of(photos.table, altered, plain)
    ham = (photos.table["source"] == SOURCES[0]).to_numpy()
    unlike = origin.unlike_of(altered[ham], SOURCES[:1])
    assert (unlike >= thresholds["unlike"]["HAM10000"]).mean() <= origin.LIKE_FLAGGED
    phone = origin.phone_of(altered[(photos.table["source"] != SOURCES[3]).to_numpy()])
    assert (phone >= thresholds["phone"]).mean() <= origin.PHONE_FLAGGED


def test_the_area_under_the_curve_is_counted_in_pairs():
    table = pd.DataFrame({"source": ["A", "A", "B", "B", "C"], "group_id": list("abcde")})
    found = origin._told_apart(table, np.array([0.9, 0.4, 0.5, 0.1, 7.0]), ("A",), ("B",))
    assert found["auroc"] == 0.75  # of four pairs one is the wrong way round
    assert found["interval"][0] <= 0.75 <= found["interval"][1]


def test_the_files_are_the_same_each_time(photos, tmp_path, monkeypatch):
    monkeypatch.setattr(origin, "RESAMPLES", 10)
    for name in ("first", "second"):
        origin.write_detector(photos, tmp_path / f"{name}.npz", tmp_path / f"{name}.json")
    for ending in ("npz", "json"):
        first, second = ((tmp_path / f"{name}.{ending}").read_bytes() for name in ("first", "second"))
        assert first == second


def test_on_real_photos_phones_are_found_and_stretched_ham_photos_stay_like(data_root):
    """A sample: not a measure (that is in origin.json), but a sign that code and files fit each other."""
    detector, found = load_detector(), {}
    for name in NAMES:
        table = development_photos(name, data_root, REPOSITORY_DATA / "splits")
        assert TEST not in set(table["part"])
        rows = table.iloc[:: max(1, len(table) // SAMPLE)][:SAMPLE]
        rng = np.random.default_rng(1)
        found[BY_NAME[name].folder] = [
            detector.judge(
                looks(read_photo(origin.stretched_anew(Path(path).read_bytes(), rng), EDGE)), ["HAM10000"]
            )
            for path in rows["path"]
        ]
    assert sum(one.is_unlike for one in found["HAM10000"]) <= 5
    assert sum(one.is_phone for one in found["HAM10000"]) <= 2
    for source in SOURCES[1:]:
        assert sum(one.is_unlike for one in found[source]) >= SAMPLE / 2, source
    assert sum(one.is_phone for one in found["PAD_UFES_20"]) >= SAMPLE / 3
