import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from data_modelling.datasets.tfrecord import read_shard, write_shard
from data_modelling.inference.quality import Checks, Measures
from data_modelling.rejection import quality
from data_modelling.rejection.degradation import KINDS, as_png
from data_modelling.rejection.severity import CLEAN
from data_modelling.settings import PreparedSettings, read_settings
from data_modelling.training import road
from tests.conftest import PROJECT
from tests.data_modelling.measured import USUAL
from tests.dicom_files import EXPLICIT, dicom

PHOTOS = 40
LABELS = np.tile([0, 1], PHOTOS // 2)
ALL = np.ones(PHOTOS, bool)


def step(kind: str, number: int, right: int, **worse: float) -> quality._Step:
    """A step at which `right` of the 40 photos, half of each class, are decided right."""
    return quality._Step(
        kind, number, float(number), [replace(USUAL, **worse)] * PHOTOS, np.arange(PHOTOS) < right
    )


def usual(count: int = 4000) -> list[Measures]:
    return [replace(USUAL, light=150 + 50 * i / count, hair=i / count) for i in range(count)]


def test_a_photo_is_worsened_alike_as_png_as_dicom_and_in_a_shard_with_blue_first(tmp_path):
    pixels = np.random.default_rng(2).integers(0, 255, (4, 6, 3), np.uint8).repeat(10, 0).repeat(10, 1)
    alone, frame, shard = (tmp_path / name for name in ("a.png", "a.dcm", "a.tfrecord"))
    alone.write_bytes(as_png(Image.fromarray(pixels)))
    frame.write_bytes(dicom(pixels, EXPLICIT))
    prepared = PreparedSettings(channels="bgr")
    swapped = as_png(Image.fromarray(pixels[:, :, ::-1].copy()))
    write_shard(shard, [{"image_id": "a"}], [swapped], prepared.features)
    [(_, in_shard)] = read_shard(shard, prepared)
    one, *others = (quality._worsened(str(path), 32) for path in (alone, frame, in_shard))
    for other in others:
        assert np.array_equal(other[0], one[0])
        assert other[1] == one[1]


def test_thresholds_stand_at_the_first_steps_that_are_too_bad():
    steps = [
        step(CLEAN, 0, 40),
        step("dark", 1, 38, light=120),
        step("dark", 2, 34, light=100),
        step("dark", 3, 26, light=70),
        step("dark", 4, 10, light=50),
    ]
    found = quality.choose(usual(), steps, LABELS, ALL)
    dark = [found.refusals(one.measures[0]) or found.warnings(one.measures[0]) for one in steps]
    assert dark == [(), (), ("dark",), ("photo_dark",), ("photo_dark",)]
    assert found.limits["flatness"].warn is None  # no photo was compressed


def test_unchanged_photos_are_spared_whatever_the_step_asks_for():
    steps = [step(CLEAN, 0, 40), step("dark", 1, 10, light=190)]
    photos = usual()
    found = quality.choose(photos, steps, LABELS, ALL)
    refused = sum(bool(found.refusals(one)) for one in photos)
    assert refused == quality.REFUSED * len(photos)
    warned = sum("dark" in found.warnings(one) for one in photos)
    assert refused + warned == quality.WARNED * len(photos)


def test_what_no_step_shows_is_warned_of_in_the_worst_photos():
    photos = usual()
    found = quality.choose(photos, [step(CLEAN, 0, 40)], LABELS, ALL)
    hairy = sum("hair" in found.warnings(one) for one in photos)
    assert hairy == quality.WARNED_OF_CONTENT["hair"] * len(photos)
    assert not any(found.refusals(one) for one in photos)


def test_steps_are_judged_on_the_chosen_half_alone():
    right = np.ones(PHOTOS, bool)
    right[PHOTOS // 2 :] = False
    bad_elsewhere = quality._Step("dark", 1, 1.0, [replace(USUAL, light=60)] * PHOTOS, right)
    half = np.arange(PHOTOS) < PHOTOS // 2
    steps = [step(CLEAN, 0, 40), bad_elsewhere]
    assert quality.choose(usual(), steps, LABELS, half).limits["light"].warn is None
    assert quality.choose(usual(), steps, LABELS, ~half).limits["light"].warn is not None


def test_a_half_takes_whole_lesions():
    groups = pd.Series([f"lesion{i // 3}" for i in range(300)])
    half = pd.Series(quality.half_of(groups, seed=1))
    assert half.groupby(groups).nunique().eq(1).all()
    assert half.groupby(groups).first().sum() == 50


def test_the_sample_is_of_the_folds_with_a_network_and_not_too_large():
    table = pd.DataFrame({"part": ["0", "1"] * 500, "diagnosis": ["NV"] * 900 + ["DF"] * 100})
    rows = quality.sample(table, {1: Path("not opened")}, seed=1)
    assert set(table["part"].iloc[rows]) == {"1"}
    assert table["diagnosis"].iloc[rows].value_counts().to_dict() == {"NV": quality.PER_CLASS, "DF": 50}


@pytest.fixture(scope="module")
def smoke_part(smoke_run: Path, tmp_path_factory: pytest.TempPathFactory) -> quality.QualityPart:
    settings = read_settings(PROJECT / "data_modelling" / "configs" / "smoke.toml")
    work = road.work_folder(smoke_run)
    sources = road.Sources(work / "generated", work / "generated")
    development, _ = road.development_part(settings, sources, tmp_path_factory.mktemp("decoded"))
    metadata = json.loads((smoke_run / "metadata.json").read_text())
    prior = np.array([metadata["decision_prior"][code] for code in metadata["classes"]])
    networks = {0: work / "fold0" / "network.keras"}
    return quality.fit_quality(
        settings, development.table, development.pixels, networks, metadata["temperature"], prior
    )


def test_generated_lesions_go_the_whole_way(smoke_part: quality.QualityPart):
    checks = Checks.from_metadata({"quality": json.loads(json.dumps(smoke_part.metadata))})
    assert checks.as_json() == smoke_part.metadata
    rows = smoke_part.severity
    assert list(rows["kind"].unique()) == [CLEAN, *KINDS]
    photos = rows.filter(like="photos_").sum(axis=1)
    right = rows.filter(like="right_").sum(axis=1)
    assert set(photos) == {photos[0]}
    assert (right <= photos).all()
    assert (rows["refused"] + rows["warned"] <= photos).all()


def test_unchanged_photos_are_counted_on_the_other_half(smoke_part: quality.QualityPart):
    found = quality.unchanged_counts(smoke_part)
    assert found["photos"] == (~smoke_part.unchanged["choosing"]).sum()
    assert sum(found["codes"].values()) >= found["refused"] + found["warned"]
