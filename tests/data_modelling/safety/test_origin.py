import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from data_modelling.datasets.data_location import REPOSITORY_DATA
from data_modelling.datasets.registry import data_set
from data_modelling.datasets.splits.assignment import TEST
from data_modelling.datasets.splits.photos import development_photos
from data_modelling.inference.checks.image_features import FEATURE_COUNT, FEATURE_EDGE, measure_image_features
from data_modelling.inference.checks.photo_checks import (
    PHONE_SOURCES,
    load_origin_detector,
    probability_of_sources,
)
from data_modelling.inference.errors import InputError
from data_modelling.inference.photo.reader import read_photo
from data_modelling.safety import origin
from data_modelling.safety.origin import NAMES, SOURCES, OriginFeatures

SAMPLE = 40  # photos of a source


def test_a_photo_is_stretched_at_most_by_four_thirds_and_encoded_anew():
    circle = Image.new("RGB", (300, 300), "white")
    circle.paste("black", (100, 100, 200, 200))
    file = io.BytesIO()
    circle.save(file, "PNG")
    ratios = []
    for seed in range(12):
        data = origin.stretch_and_recompress(file.getvalue(), np.random.default_rng(seed))
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
    values = rng.normal(0, 1, (4 * count, FEATURE_COUNT)).astype(np.float32)
    for value in range(5):
        values[np.arange(4 * count), source + 4 * value] += 8
    group = np.tile(np.repeat(np.arange(20), 3), 4)
    table = pd.DataFrame(
        {"source": np.array(SOURCES)[source], "group_id": group.astype(str), "part": (group % 5).astype(str)}
    )
    return OriginFeatures(table, values, values)


def test_sources_that_differ_are_told_apart_by_photos_of_other_groups(photos, monkeypatch):
    monkeypatch.setattr(origin, "BATCH", 16)  # few photos need more steps
    altered, _ = origin.out_of_fold_probabilities(photos)
    right = np.array(SOURCES)[altered.argmax(axis=1)] == photos.table["source"]
    assert right.mean() > 0.95
    assert altered.sum(axis=1) == pytest.approx(1)


def test_a_source_without_photos_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(origin, "development_photos", lambda *_: pd.DataFrame({"path": []}))
    with pytest.raises(InputError, match="HAM10000 has no photo"):
        origin.measure_origin_features(None, tmp_path)


def test_thresholds_flag_no_more_than_they_may(photos):
    altered, plain = origin.out_of_fold_probabilities(photos)
    thresholds = origin.origin_thresholds(photos.table, altered, plain)
    ham = (photos.table["source"] == SOURCES[0]).to_numpy()
    unlike = 1 - probability_of_sources(altered[ham], SOURCES, SOURCES[:1])
    assert (unlike >= thresholds["unlike"]["HAM10000"]).mean() <= origin.UNLIKE_FLAGGED_SHARE
    dermoscopic = (photos.table["source"] != SOURCES[3]).to_numpy()
    phone = probability_of_sources(altered[dermoscopic], SOURCES, PHONE_SOURCES)
    assert (phone >= thresholds["phone"]).mean() <= origin.PHONE_FLAGGED_SHARE


def test_the_files_are_the_same_each_time(photos, tmp_path):
    for name in ("first", "second"):
        origin.write_detector(photos, tmp_path / f"{name}.npz", tmp_path / f"{name}.json")
    for ending in ("npz", "json"):
        first, second = ((tmp_path / f"{name}.{ending}").read_bytes() for name in ("first", "second"))
        assert first == second


def test_on_real_photos_phones_are_found_and_stretched_ham_photos_stay_like(data_root):
    """A sample: not a measure, but a sign that code and files fit each other."""
    detector, found = load_origin_detector(), {}
    for name in NAMES:
        table = development_photos(name, data_root, REPOSITORY_DATA / "splits")
        assert TEST not in set(table["part"])
        rows = table.iloc[:: max(1, len(table) // SAMPLE)][:SAMPLE]
        rng = np.random.default_rng(1)
        found[data_set(name).folder] = [
            detector.judge(
                measure_image_features(
                    read_photo(origin.stretch_and_recompress(Path(path).read_bytes(), rng), FEATURE_EDGE)
                ),
                ["HAM10000"],
            )
            for path in rows["path"]
        ]
    phones, unlike = ({name: sum(pair[i] for pair in pairs) for name, pairs in found.items()} for i in (0, 1))
    assert unlike["HAM10000"] <= 5
    assert phones["HAM10000"] <= 2
    assert all(unlike[source] >= SAMPLE / 2 for source in SOURCES[1:])
    assert phones["PAD_UFES_20"] >= SAMPLE / 3
