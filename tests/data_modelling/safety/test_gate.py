import hashlib
import shutil
from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist

from data_modelling.inference.checks.gate import (
    GATE_FILE,
    IMAGE_FEATURES_WEIGHT,
    Gate,
    LesionDetector,
    load_lesion_detector,
)
from data_modelling.inference.checks.image_features import FEATURE_COUNT
from data_modelling.pipeline.work_folder import work_folder
from data_modelling.safety import gate
from data_modelling.safety.feature_network import write_arrays
from data_modelling.safety.gate import REFUSED_SHARE, SHRINKAGE, GateInputs
from data_modelling.settings import read_settings
from data_modelling.training.development_set import DataFolders, load_development_set
from tests.conftest import PROJECT

WIDTH = 6


def measured(rng, count, labels, apart=0.0):
    """Embeddings around one centre per class, image features around one centre; `apart` moves both away."""
    centres = np.array([[4, 4, 4, 4, 4, 4], [9, 4, 4, 4, 4, 9]]) + apart
    embedding = centres[labels] + rng.normal(0, 0.5, (count, WIDTH)) @ np.diag([1, 2, 1, 0.5, 1, 1])
    looks = rng.normal(apart, np.linspace(1, 3, FEATURE_COUNT), (count, FEATURE_COUNT))
    return GateInputs(np.maximum(embedding, 0).astype(np.float32), looks.astype(np.float32))


@pytest.fixture(scope="module")
def photos():
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 2, 600)
    return measured(rng, 600, labels), labels, measured(rng, 400, rng.integers(0, 2, 400)), rng


def logarithms(training, labels, judged, shrinkage):
    """The distances' logarithms a second way: SciPy's Mahalanobis distance, values in units of their spread."""
    present = np.unique(labels)
    means = np.stack([training[labels == label].mean(axis=0) for label in present])
    inside = training - means[labels]
    unit = inside.std(axis=0)
    covariance = np.cov((inside / unit).T, bias=True)
    shrunk = (1 - shrinkage) * covariance + shrinkage * np.trace(covariance) / len(covariance) * np.eye(
        len(covariance)
    )
    distances = cdist(judged / unit, means / unit, "mahalanobis", VI=np.linalg.inv(shrunk))
    return np.log(distances.min(axis=1))


def test_distances_are_those_that_scipy_finds(photos):
    training, labels, stopping, _ = photos
    found = gate.gate_distances(gate.fit_gate(training, labels, stopping).gate, stopping)
    expected = 0
    inputs = {
        "embedding": [np.sqrt(np.float64(part.embedding)) for part in (training, stopping)],
        "looks": [np.float64(part.image_features) for part in (training, stopping)],
    }
    for name, weight, classes in (("embedding", 1, labels), ("looks", IMAGE_FEATURES_WEIGHT, 0 * labels)):
        values = inputs[name]
        logarithm = logarithms(values[0], classes, values[1], SHRINKAGE[name])
        expected = expected + weight * (logarithm - logarithm.mean()) / logarithm.std()
    assert found == pytest.approx(expected, abs=2e-3)


def test_the_threshold_is_the_detectors_or_spares_the_stopping_photos(photos, monkeypatch):
    """The score of these photos is their first feature, of which 2 is far above the detector's own threshold."""
    training, labels, stopping, _ = photos
    hidden = np.zeros((FEATURE_COUNT + 1, 2), np.float32)
    hidden[0] = 1, -1
    detector = LesionDetector(hidden, np.array([1, -1, 0], np.float32), 100.0)
    monkeypatch.setattr(gate, "load_lesion_detector", lambda: detector)
    monkeypatch.setattr("data_modelling.inference.checks.gate.load_lesion_detector", lambda: detector)
    assert gate.fit_gate(training, labels, stopping).metadata["threshold"] == 100
    monkeypatch.setattr(gate, "load_lesion_detector", lambda: replace(detector, threshold=-100.0))
    part = gate.fit_gate(training, labels, stopping)
    fitted = part.gate
    assert sum(map(fitted.foreign, stopping.image_features)) == REFUSED_SHARE * 400
    assert part.metadata["threshold"] == pytest.approx(
        np.sort(stopping.image_features[:, 0])[-1 - int(REFUSED_SHARE * 400)], abs=0.2
    )
    assert part.metadata["photos"] == 400
    assert fitted.nearness(float(np.median(gate.gate_distances(fitted, stopping)))) == pytest.approx(
        0.5, abs=0.01
    )


@pytest.mark.parametrize(("photos", "refused"), [(100, 1), (66, 0), (67, 1), (400, 6), (1500, 22)])
def test_the_threshold_refuses_at_most_the_promised_share(photos, refused):
    """1.5 % of 100, 66, 67, 400 and 1,500 photos are 1.5, 0.99, 1.005, 6 and 22.5 photos, rounded down."""
    hidden = np.zeros((FEATURE_COUNT + 1, 1), np.float32)
    hidden[0] = 1
    detector = LesionDetector(hidden, np.array([1, 0], np.float32), -100.0)
    features = np.zeros((photos, FEATURE_COUNT))
    features[:, 0] = np.arange(photos) + 1 / 3
    threshold = gate.gate_threshold(detector, features)
    assert detector.refuses(features, threshold).sum() == refused


def test_the_file_gives_the_same_gate_and_the_same_bytes(photos, tmp_path):
    training, labels, stopping, _ = photos
    digests = []
    for name in ("first", "second"):
        part = gate.fit_gate(training, labels, stopping)
        (tmp_path / name).mkdir()
        write_arrays(tmp_path / name / GATE_FILE, **part.arrays)
        digests.append(hashlib.sha256((tmp_path / name / GATE_FILE).read_bytes()).hexdigest())
    assert digests[0] == digests[1]
    loaded = Gate.load(tmp_path / "first", {"gate": part.metadata})
    assert gate.gate_distances(loaded, stopping) == gate.gate_distances(part.gate, stopping)


def test_a_value_that_never_changes_does_no_harm():
    rng = np.random.default_rng(4)
    labels = rng.integers(0, 2, 50)
    training, stopping = measured(rng, 50, labels), measured(rng, 10, labels[:10])
    for part in (training, stopping):
        part.image_features[:, 0] = 7
        part.embedding[:, 0] = 0
    fitted = gate.fit_gate(training, labels, stopping).gate
    assert np.isfinite(gate.gate_distances(fitted, stopping)).all()


def test_scores_are_rounded_and_refused_by_the_image_features(photos):
    training, labels, stopping, _ = photos
    part = gate.fit_gate(training, labels, stopping)
    ids = pd.Series([f"ISIC_{number:07}" for number in range(400)])
    scores = gate.gate_scores(part, ids, "0", stopping)
    assert (scores["distance"] == scores["distance"].round(3)).all()
    beyond = load_lesion_detector().score(stopping.image_features) > part.metadata["threshold"]
    assert beyond.astype(int).tolist() == scores["refused"].tolist()


def test_a_run_makes_its_own_gate_from_its_own_photos(smoke_run, tmp_path):
    work = tmp_path / "smoke.work"
    shutil.copytree(work_folder(smoke_run), work)
    settings = read_settings(PROJECT / "data_modelling" / "configs" / "smoke.toml")
    sources = DataFolders(work / "generated", work / "generated")
    development, _ = load_development_set(settings, sources, work)
    part, scores = gate.fit_served_gate(settings, development, work)
    inside = development.table["part"].isin([str(fold) for fold in settings.figure_folds])
    assert set(scores["image_id"]) == set(development.table.loc[inside, "image_id"])
    write_arrays(tmp_path / GATE_FILE, **part.arrays)
    fitted = Gate.load(tmp_path, {"gate": part.metadata})
    network = keras.saving.load_model(work / "served" / "network.keras", compile=False)
    noise = np.random.default_rng(0).integers(0, 256, (4, *development.pixels.shape[1:])).astype(np.uint8)
    rows = np.arange(4) < 4
    strange = gate.gate_inputs(settings, development.table.iloc[:4], noise, rows, network)
    assert min(gate.gate_distances(fitted, strange)) > scores["distance"].max()
    shares = [
        fitted.foreign(features) for features in gate.image_features_of_rows(development.pixels, range(40))
    ]
    assert np.mean(shares) <= 0.1  # drawn lesions are no foreign pictures to a gate that was fitted to them
