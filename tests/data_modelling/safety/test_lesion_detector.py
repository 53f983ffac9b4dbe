import json

import numpy as np
import pandas as pd
import pytest

from data_modelling.datasets.clinics import CLINIC_NAMES
from data_modelling.datasets.splits.assignment import TEST
from data_modelling.inference.checks.gate import LesionDetector, load_lesion_detector
from data_modelling.inference.checks.image_features import FEATURE_COUNT, FEATURE_EDGE, measure_image_features
from data_modelling.safety import feature_network, lesion_detector
from data_modelling.safety.lesion_detector import DetectorExamples
from data_modelling.settings import FOLD_COUNT
from tests.conftest import PROJECT

# A detector whose score is the first feature.
FIRST = LesionDetector(
    np.vstack(
        [
            np.eye(FEATURE_COUNT, 2, dtype=np.float32) * [1, 0]
            - np.eye(FEATURE_COUNT, 2, k=1, dtype=np.float32),
            np.zeros((1, 2), np.float32),
        ]
    ).astype(np.float32),
    np.array([1, -1, 0], np.float32),
    0.0,
)


def features(first: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    values = rng.normal(0, 1, (len(first), FEATURE_COUNT))
    values[:, 0] = first
    return values.astype(np.float32)


@pytest.fixture(scope="module")
def examples() -> DetectorExamples:
    """Three clinics of 60 melanomas and 60 moles; lesions are around -2 in the first feature, foreign pictures at 2.

    A detector may learn from the first 30 of each class, each with one variant.
    """
    rng = np.random.default_rng(1)
    clinics = np.repeat(["HAM10000", "MSK", "BCN", ""], 120)
    lesions = pd.DataFrame(
        {"source": clinics, "clinic": clinics, "diagnosis": np.tile(np.repeat(["MEL", "NV"], 60), 4)}
    ).assign(fitted=np.arange(480) % 60 < 30)
    foreign = pd.DataFrame({"source": "x", "kind": ["cats"] * 30 + ["faces"] * 5})
    return DetectorExamples(
        lesions,
        features(rng.normal(-2, 0.3, len(lesions)), rng),
        features(rng.normal(-2, 0.3, int(lesions["fitted"].sum())), rng)[None],
        features(rng.normal(2, 0.3, 200), rng),
        foreign,
        features(rng.normal(2, 0.3, len(foreign)), rng),
    )


def test_lesions_of_a_clinic_that_was_left_out_are_told_from_foreign_pictures(
    examples: DetectorExamples, tmp_path
) -> None:
    values = lesion_detector.write_detector(
        examples, tmp_path / "a.npz", tmp_path / "a.json", tmp_path / "without.npz"
    )
    assert json.loads((tmp_path / "a.json").read_text()) == values
    assert {(row["clinic"], row["diagnosis"]) for row in values["clinics"]} == {
        (clinic, code) for clinic in ("HAM10000", "MSK", "BCN") for code in ("MEL", "NV")
    }
    assert max(row["share"] for row in values["clinics"]) <= 0.04
    assert values["foreign"]["held_out"]["share"] == 1
    assert {row["kind"]: row["judged"] for row in values["foreign"]["kinds"]} == {
        "cats": True,
        "faces": False,
    }
    thresholds = [point["threshold"] for point in values["curve"]]
    assert thresholds == sorted(thresholds, reverse=True)


def test_the_detector_of_a_left_out_clinic_refuses_what_the_table_says(
    examples: DetectorExamples, tmp_path
) -> None:
    files = [tmp_path / name for name in ("a.npz", "a.json", "without.npz")]
    values = lesion_detector.write_detector(examples, *files)
    for row in values["clinics"]:
        detector = lesion_detector.load_left_out_detector(row["clinic"], files[2])
        assert detector.threshold == row["threshold"]
        of_class = examples.lesions[["clinic", "diagnosis"]].eq([row["clinic"], row["diagnosis"]]).all(axis=1)
        refused = detector.score(examples.lesion_features[of_class.to_numpy()]) > detector.threshold
        assert refused.sum() == row["refused"]


@pytest.mark.parametrize("clinic", CLINIC_NAMES)
def test_each_clinic_has_a_committed_detector_that_never_saw_it(clinic: str) -> None:
    """It has weights of its own, and a threshold at which foreign pictures are refused."""
    detector, shipped = lesion_detector.load_left_out_detector(clinic), load_lesion_detector()
    assert detector.hidden.shape == shipped.hidden.shape
    assert not np.array_equal(detector.hidden, shipped.hidden)
    noise = np.random.default_rng(3).integers(0, 256, (FEATURE_EDGE, FEATURE_EDGE, 3), np.uint8)
    assert detector.score(measure_image_features(noise)) > detector.threshold


def test_a_detector_that_leaves_clinics_out_never_sees_them_nor_the_mixed_source(
    examples: DetectorExamples, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    class Fitted(Exception):
        pass

    def fit(_network, values, *_args, **_kwargs):
        seen.append(len(values))
        raise Fitted

    monkeypatch.setattr(feature_network.MLPClassifier, "fit", fit)
    for left_out in ((), ("MSK",), ("MSK", "BCN")):
        with pytest.raises(Fitted):
            lesion_detector.fit_lesion_detector(examples, left_out)
    assert seen == [200 + 2 * 240, 200 + 2 * 120, 200 + 2 * 60]


def test_the_threshold_of_an_unseen_group_comes_from_the_others(examples: DetectorExamples) -> None:
    """All detectors give the first feature; each class of 60 may lose one photo at a share of 1 / 59."""
    detectors = dict.fromkeys(
        [("HAM10000",), ("MSK",), ("BCN",), ("HAM10000", "MSK"), ("HAM10000", "BCN"), ("MSK", "BCN")], FIRST
    )
    first = pd.Series(FIRST.score(examples.lesion_features))
    second_largest = first.groupby([examples.lesions["clinic"], examples.lesions["diagnosis"]]).apply(
        lambda scores: scores.nlargest(2).iloc[1]
    )
    share = 1 / 59 + 1e-9
    everybody = lesion_detector.threshold_at_share(examples, detectors, share)
    assert everybody == pytest.approx(second_largest.drop("").max(), abs=1e-5)
    without = lesion_detector.threshold_at_share(examples, detectors, share, unseen="MSK")
    assert without == pytest.approx(second_largest.drop(["", "MSK"]).max(), abs=1e-5)


def test_the_sample_has_at_most_so_many_of_each_class_of_a_source() -> None:
    photos = pd.DataFrame(
        {"image_id": [f"{n:04}" for n in range(500)], "source": "A", "diagnosis": ["NV"] * 450 + ["MEL"] * 50}
    )
    marked = lesion_detector.mark_sample(photos)
    assert len(marked) == len(photos)
    sample = marked[marked["fitted"]]
    assert sample["diagnosis"].value_counts().to_dict() == {"NV": lesion_detector.PER_CLASS, "MEL": 50}
    assert sample["image_id"].is_monotonic_increasing


def test_no_locked_photo_is_among_the_lesions(data_root) -> None:
    photos = lesion_detector.development_lesions(data_root, PROJECT / "DATA" / "splits")
    parts = pd.concat(
        [
            pd.read_csv(PROJECT / "DATA" / "splits" / f"{name}.csv", dtype=str)
            for name in ("ham10000", "isic2017", "isic2019", "pad_ufes_20")
        ]
    )
    locked = parts.loc[parts["part"] == TEST, "image_id"].str.removesuffix("_downsampled")
    assert not set(photos["image_id"]) & set(locked)
    assert photos["clinic"].isin(["HAM10000", "MSK", "BCN", "PAD", ""]).all()
    assert {"MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC"} <= set(photos["diagnosis"])
    assert parts["part"].nunique() - 1 == FOLD_COUNT
