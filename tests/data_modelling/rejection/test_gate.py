import hashlib
import shutil

import keras
import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist

from data_modelling.inference.gate import FILE, LOOKS_WEIGHT, Gate
from data_modelling.inference.looks import COUNT
from data_modelling.rejection import gate
from data_modelling.rejection.gate import REFUSED_SHARE, SHRINKAGE, Measured
from data_modelling.settings import read_settings
from data_modelling.training.road import Sources, development_part, work_folder
from tests.conftest import PROJECT

WIDTH = 6


def measured(rng, count, labels, apart=0.0):
    """Embeddings around a centre a class and looks around one; `apart` moves both away."""
    centres = np.array([[4, 4, 4, 4, 4, 4], [9, 4, 4, 4, 4, 9]]) + apart
    embedding = centres[labels] + rng.normal(0, 0.5, (count, WIDTH)) @ np.diag([1, 2, 1, 0.5, 1, 1])
    looks = rng.normal(apart, np.linspace(1, 3, COUNT), (count, COUNT))
    return Measured(np.maximum(embedding, 0).astype(np.float32), looks.astype(np.float32))


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
    found = gate.distances_of(gate.fit_gate(training, labels, stopping).gate(), stopping)
    expected = 0
    for name, weight, classes in (("embedding", 1, labels), ("looks", LOOKS_WEIGHT, 0 * labels)):
        values = [np.float64(getattr(part, name)) for part in (training, stopping)]
        if name == "embedding":
            values = [np.sqrt(value) for value in values]
        logarithm = logarithms(values[0], classes, values[1], SHRINKAGE[name])
        expected = expected + weight * (logarithm - logarithm.mean()) / logarithm.std()
    assert found == pytest.approx(expected, abs=2e-3)


def test_the_threshold_refuses_its_share_of_the_stopping_photos_and_what_is_far_away(photos):
    training, labels, stopping, rng = photos
    part = gate.fit_gate(training, labels, stopping)
    fitted = part.gate()
    refused = [fitted.foreign(distance) for distance in gate.distances_of(fitted, stopping)]
    assert sum(refused) == REFUSED_SHARE * 400
    far = gate.distances_of(fitted, measured(rng, 20, np.zeros(20, int), apart=6))
    assert all(map(fitted.foreign, far))
    assert part.metadata["photos"] == 400
    assert fitted.nearness(float(np.median(gate.distances_of(fitted, stopping)))) == pytest.approx(
        0.5, abs=0.01
    )


def test_the_file_gives_the_same_gate_and_the_same_bytes(photos, tmp_path):
    training, labels, stopping, _ = photos
    digests = []
    for name in ("first", "second"):
        part = gate.fit_gate(training, labels, stopping)
        (tmp_path / name).mkdir()
        gate.write_gate(tmp_path / name, part)
        digests.append(hashlib.sha256((tmp_path / name / FILE).read_bytes()).hexdigest())
    assert digests[0] == digests[1]
    loaded = Gate.load(tmp_path / "first", {"gate": part.metadata})
    assert gate.distances_of(loaded, stopping) == gate.distances_of(part.gate(), stopping)


def test_a_value_that_never_changes_does_no_harm():
    rng = np.random.default_rng(4)
    labels = rng.integers(0, 2, 50)
    training, stopping = measured(rng, 50, labels), measured(rng, 10, labels[:10])
    for part in (training, stopping):
        part.looks[:, 0] = 7
        part.embedding[:, 0] = 0
    fitted = gate.fit_gate(training, labels, stopping).gate()
    assert np.isfinite(gate.distances_of(fitted, stopping)).all()


def test_scores_are_refused_as_the_file_keeps_their_distances(photos):
    training, labels, stopping, _ = photos
    part = gate.fit_gate(training, labels, stopping)
    ids = pd.Series([f"ISIC_{number:07}" for number in range(400)])
    scores = gate.gate_scores(part, ids, "0", stopping)
    assert (scores["distance"] == scores["distance"].round(3)).all()
    beyond = (scores["distance"] > part.metadata["threshold"]).astype(int)
    assert beyond.tolist() == scores["refused"].tolist()


def test_a_run_makes_its_own_gate_from_its_own_photos(smoke_run, tmp_path):
    work = tmp_path / "smoke.work"
    shutil.copytree(work_folder(smoke_run), work)
    settings = read_settings(PROJECT / "data_modelling" / "configs" / "smoke.toml")
    sources = Sources(work / "generated", work / "generated")
    development, _ = development_part(settings, sources, work)
    part, scores = gate.make_gate(settings, development, work)
    inside = development.table["part"].isin([str(fold) for fold in settings.figure_folds])
    assert set(scores["image_id"]) == set(development.table.loc[inside, "image_id"])
    gate.write_gate(tmp_path, part)
    fitted = Gate.load(tmp_path, {"gate": part.metadata})
    network = keras.saving.load_model(work / "served" / "network.keras", compile=False)
    noise = np.random.default_rng(0).integers(0, 256, (4, *development.pixels.shape[1:])).astype(np.uint8)
    rows = np.arange(4) < 4
    strange = gate.measure(settings, development.table.iloc[:4], noise, rows, network)
    assert all(map(fitted.foreign, gate.distances_of(fitted, strange)))
