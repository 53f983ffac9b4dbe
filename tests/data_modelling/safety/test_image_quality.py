import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from data_modelling.datasets.formats.tfrecord import read_shard, write_shard
from data_modelling.inference.checks.image_quality import (
    QUALITY_CHECKS,
    MeasureThresholds,
    QualityMeasures,
    QualityThresholds,
)
from data_modelling.metrics.calibration import CalibrationChoices
from data_modelling.pipeline.work_folder import work_folder
from data_modelling.safety import image_quality
from data_modelling.safety.degradation import encode_png
from data_modelling.settings import PreparedSettings, read_settings
from data_modelling.training import development_set
from tests.conftest import PROJECT
from tests.data_modelling.photo_measures import USUAL
from tests.dicom_files import EXPLICIT, dicom

PHOTOS = 40
LABELS = np.tile([0, 1], PHOTOS // 2)
ALL = np.ones(PHOTOS, bool)


def step(kind: str, right: int, **worse: float) -> image_quality._DegradationStep:
    """A step at which `right` of the 40 photos, half of each class, are decided right."""
    measures = pd.DataFrame([replace(USUAL, **worse)] * PHOTOS)
    return image_quality._DegradationStep(kind, measures, np.arange(PHOTOS) < right)


def usual(count: int = 4000) -> list[QualityMeasures]:
    return [replace(USUAL, light=150 + 50 * i / count, hair=i / count) for i in range(count)]


def test_a_photo_is_degraded_alike_as_png_as_dicom_and_in_a_shard_with_blue_first(tmp_path):
    pixels = np.random.default_rng(2).integers(0, 255, (4, 6, 3), np.uint8).repeat(10, 0).repeat(10, 1)
    alone, frame, shard = (tmp_path / name for name in ("a.png", "a.dcm", "a.tfrecord"))
    alone.write_bytes(encode_png(Image.fromarray(pixels)))
    frame.write_bytes(dicom(pixels, EXPLICIT))
    prepared = PreparedSettings(channels="bgr")
    swapped = encode_png(Image.fromarray(pixels[:, :, ::-1].copy()))
    write_shard(shard, [{"image_id": "a"}], [swapped], prepared.features)
    [(_, in_shard)] = read_shard(shard, prepared)
    one, *others = (image_quality._degraded_versions(str(path), 32) for path in (alone, frame, in_shard))
    for other in others:
        assert np.array_equal(other[0], one[0])
        assert other[1] == one[1]


def test_thresholds_stand_at_the_first_steps_that_are_too_bad():
    steps = [
        step(image_quality.UNCHANGED_KIND, 40),
        step("dark", 38, light=120),
        step("dark", 34, light=100),
        step("dark", 26, light=70),
        step("dark", 10, light=50),
    ]
    found = image_quality.choose_quality_thresholds(pd.DataFrame(usual()), steps, LABELS, ALL)
    photos = [image_quality.measures_of_rows(one.measures)[0] for one in steps]
    dark = [found.refusals(photo) or found.warnings(photo) for photo in photos]
    assert dark == [(), (), ("dark",), ("photo_dark",), ("photo_dark",)]
    assert found.limits["flatness"].warn is None  # no photo was compressed


def test_a_network_that_is_never_right_sets_no_threshold_by_a_step():
    steps = [step(image_quality.UNCHANGED_KIND, 0), step("dark", 0, light=50)]
    found = image_quality.choose_quality_thresholds(pd.DataFrame(usual()), steps, LABELS, ALL)
    assert found.limits["light"].warn is None


def test_unchanged_photos_are_spared_whatever_the_step_asks_for():
    steps = [step(image_quality.UNCHANGED_KIND, 40), step("dark", 10, light=190)]
    photos = usual()
    found = image_quality.choose_quality_thresholds(pd.DataFrame(photos), steps, LABELS, ALL)
    refused = sum(bool(found.refusals(one)) for one in photos)
    assert refused == image_quality.MAX_REFUSED_SHARE * len(photos)
    warned = sum("dark" in found.warnings(one) for one in photos)
    assert refused + warned == image_quality.MAX_WARNED_SHARE * len(photos)


def test_what_no_step_shows_is_warned_of_in_the_worst_photos():
    photos = usual()
    found = image_quality.choose_quality_thresholds(
        pd.DataFrame(photos), [step(image_quality.UNCHANGED_KIND, 40)], LABELS, ALL
    )
    hairy = sum("hair" in found.warnings(one) for one in photos)
    assert hairy == image_quality.WARNED_OF_CONTENT["hair"] * len(photos)
    assert not any(found.refusals(one) for one in photos)


def test_steps_are_evaluated_on_the_chosen_half_alone():
    right = np.ones(PHOTOS, bool)
    right[PHOTOS // 2 :] = False
    bad_elsewhere = replace(step("dark", 0, light=60), correct=right)
    half = np.arange(PHOTOS) < PHOTOS // 2
    steps = [step(image_quality.UNCHANGED_KIND, 40), bad_elsewhere]
    chosen, other = (
        image_quality.choose_quality_thresholds(pd.DataFrame(usual()), steps, LABELS, rows)
        for rows in (half, ~half)
    )
    assert chosen.limits["light"].warn is None
    assert other.limits["light"].warn is not None


def test_a_half_takes_whole_lesions():
    groups = pd.Series([f"lesion{i // 3}" for i in range(300)])
    half = pd.Series(image_quality.threshold_half(groups, seed=1))
    assert half.groupby(groups).nunique().eq(1).all()
    assert half.groupby(groups).first().sum() == 50


def test_the_sample_is_of_the_folds_with_a_network_and_not_too_large():
    table = pd.DataFrame({"part": ["0", "1"] * 500, "diagnosis": ["NV"] * 900 + ["DF"] * 100})
    rows = image_quality.sample_rows(table, {1: Path("not opened")}, seed=1)
    assert set(table["part"].iloc[rows]) == {"1"}
    assert table["diagnosis"].iloc[rows].value_counts().to_dict() == {"NV": image_quality.PER_CLASS, "DF": 50}


@pytest.fixture(scope="module")
def smoke_part(
    smoke_run: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[QualityThresholds, pd.DataFrame]:
    settings = read_settings(PROJECT / "data_modelling" / "configs" / "smoke.toml")
    work = work_folder(smoke_run)
    sources = development_set.DataFolders(work / "generated", work / "generated")
    development, _ = development_set.load_development_set(
        settings, sources, tmp_path_factory.mktemp("decoded")
    )
    metadata = json.loads((smoke_run / "metadata.json").read_text())
    prior = np.array([metadata["decision_prior"][code] for code in metadata["classes"]])
    choices = CalibrationChoices(metadata["temperature"], prior, 0.5, 0.5)
    networks = {0: work / "fold0" / "network.keras"}
    return image_quality.fit_quality(settings, development.table, development.pixels, networks, choices)


def test_generated_lesions_go_the_whole_way(smoke_part: tuple[QualityThresholds, pd.DataFrame]):
    checks, measures = smoke_part
    assert QualityThresholds.from_metadata({"quality": json.loads(json.dumps(checks.as_json()))}) == checks
    assert set(QualityMeasures.__dataclass_fields__) <= set(measures)


def test_each_reason_spares_the_photos_of_every_source():
    """A dark clinic has 100 photos with light 51 to 150, a bright one has light 200; the warning was at 140."""
    limits = {check.measure: MeasureThresholds(None, None) for check in QUALITY_CHECKS}
    limits |= {"light": MeasureThresholds(60, 140), "middle": MeasureThresholds(None, 210)}
    dark = [replace(USUAL, light=51 + number) for number in range(100)]
    bright = [replace(USUAL, light=200, middle=201 + number) for number in range(100)]
    measures = pd.DataFrame([vars(photo) for photo in (*dark, *bright)])
    measures = measures.assign(source=["dark"] * 100 + ["bright"] * 100)
    spared = image_quality.spare_sources(QualityThresholds(limits), measures)
    assert spared.limits["light"].warn == 56  # five photos have less
    assert spared.limits["light"].refuse == 56
    assert (
        spared.limits["middle"].warn == 298
    )  # two have more: `bright` has a second measure that shares the 5 %
    assert spared.limits["flatness"].warn is None
    for photos in (dark, bright):
        fired = [code for photo in photos for code in (*spared.refusals(photo), *spared.warnings(photo))]
        assert all(fired.count(code) <= image_quality.MAX_FIRED_SHARE * len(photos) for code in fired)
    assert [code for photo in bright for code in spared.warnings(photo)] == ["bright"] * 2


def test_thresholds_that_spare_every_source_stay():
    limits = {check.measure: MeasureThresholds(None, None) for check in QUALITY_CHECKS}
    limits["light"] = MeasureThresholds(None, 100)
    measures = pd.DataFrame([vars(USUAL)] * 10).assign(source="A")
    assert image_quality.spare_sources(QualityThresholds(limits), measures).limits == limits


def test_reasons_are_counted_by_source_and_diagnosis():
    """Of three dark photos one is too dark to be used; the bright one has another diagnosis."""
    limits = {check.measure: MeasureThresholds(None, None) for check in QUALITY_CHECKS}
    limits["light"] = MeasureThresholds(10, 50)
    limits["middle"] = MeasureThresholds(None, 250)
    photos = [replace(USUAL, light=light) for light in (5, 20, 30, 100)] + [replace(USUAL, middle=255)]
    measures = pd.DataFrame([vars(photo) for photo in photos])
    measures = measures.assign(source="A", diagnosis=["NV"] * 4 + ["MEL"])
    rows = image_quality.count_reasons(QualityThresholds(limits), measures)
    assert rows == [
        {"source": "A", "diagnosis": "MEL", "photos": 1, "with_reason": 1, "reasons": {"bright": 1}},
        {"source": "A", "diagnosis": "NV", "photos": 4, "with_reason": 3}
        | {"reasons": {"dark": 2, "photo_dark": 1}},
    ]
