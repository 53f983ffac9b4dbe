import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from data_modelling.inference.bundle import load_bundle
from data_modelling.inference.decision import probabilities
from data_modelling.inference.details import Details, encode
from data_modelling.inference.errors import InputError
from data_modelling.inference.photos import read_photo
from data_modelling.inference.runtime import onnxruntime
from data_modelling.networks import fusion  # noqa: F401 - registers the layers
from data_modelling.training.export import export_onnx

COMMITTED = Path(__file__).resolve().parents[3] / "DATA" / "models"


def both(bundle: Path, photo: np.ndarray, details: np.ndarray) -> list[dict[str, np.ndarray]]:
    """Outputs of Keras and of ONNX for the same batch."""
    network = keras.saving.load_model(bundle / "model.keras", compile=False)
    session = onnxruntime.InferenceSession(bundle / "model.onnx")
    given = {"photo": photo.astype("float32"), "details": details}
    names = [end.name for end in session.get_outputs()]
    of_keras = {name: np.asarray(value) for name, value in network.predict_on_batch(given).items()}
    return [of_keras, dict(zip(names, session.run(names, given), strict=True))]


def test_onnx_answers_as_keras_for_every_output(smoke_run: Path) -> None:
    rng = np.random.default_rng(0)
    photo = rng.integers(0, 256, (16, 32, 32, 3))
    details = np.stack([encode(Details(age=float(5 * n), sex="male", site="torso")) for n in range(16)])
    of_keras, of_onnx = both(smoke_run, photo, details)
    assert set(of_onnx) == {"logits", "feature_map", "embedding"}
    for name, value in of_onnx.items():
        np.testing.assert_allclose(value, of_keras[name], atol=1e-4)


def test_inputs_have_the_names_and_types_of_the_interface(smoke_run: Path) -> None:
    session = onnxruntime.InferenceSession(smoke_run / "model.onnx")
    ends = {end.name: (end.shape, end.type) for end in session.get_inputs()}
    assert ends == {"photo": (["N", 32, 32, 3], "tensor(float)"), "details": (["N", 14], "tensor(float)")}


@pytest.mark.parametrize("name", sorted(path.name for path in COMMITTED.iterdir() if path.is_dir()))
def test_committed_probabilities_agree_on_500_real_photos(name: str, data_root: Path) -> None:
    """The bundle's own out-of-fold photos; their details as they are known."""
    from data_modelling.datasets import DATASETS
    from data_modelling.datasets.table import encode_table

    bundle = load_bundle(COMMITTED / name)
    table, _ = DATASETS[bundle.metadata["settings"]["dataset"]](data_root)
    chosen = table.iloc[:: len(table) // 500][:500]
    edge = bundle.metadata["edge"]
    photo = np.stack([read_photo(Path(path).read_bytes(), edge) for path in chosen["path"]])
    of_keras, of_onnx = both(bundle.folder, photo, encode_table(chosen))
    one, other = (
        probabilities(found["logits"], bundle.metadata["temperature"]) for found in (of_keras, of_onnx)
    )
    assert len(one) == 500
    assert np.abs(one - other).max() <= 1e-5


def test_what_cannot_be_exported_is_told(tmp_path: Path) -> None:
    (tmp_path / "n.keras").write_bytes(b"no network")
    with pytest.raises(InputError, match=r"n\.keras could not be exported"):
        export_onnx(tmp_path / "n.keras", tmp_path / "n.onnx")
    assert not (tmp_path / "n.onnx").exists()


def test_a_converter_that_the_system_ends_is_told_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it does for lack of memory; in its place a program that kills itself."""
    ended = tmp_path / "python"
    ended.write_text("#!/bin/sh\necho harmless >&2\nkill -9 $$\n")
    ended.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(ended))
    with pytest.raises(InputError, match=r"n\.keras could not.*signal 9.*lack of memory"):
        export_onnx(tmp_path / "n.keras", tmp_path / "n.onnx")
