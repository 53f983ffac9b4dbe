import sys
from pathlib import Path
from zipfile import ZipFile

import keras
import numpy as np
import onnx
import pytest

import data_modelling.networks.merged_classes
import data_modelling.networks.model  # noqa: F401 - both register the layers
from data_modelling.inference.bundle import load_bundle
from data_modelling.inference.decision import calibrated_probabilities
from data_modelling.inference.details import Details, encode_details
from data_modelling.inference.errors import InputError
from data_modelling.inference.onnx_runtime import onnxruntime
from data_modelling.inference.photo.reader import read_photo
from data_modelling.networks.onnx import export_onnx

COMMITTED = Path(__file__).resolve().parents[3] / "DATA" / "models"


def both(bundle: Path, photo: np.ndarray, details: np.ndarray) -> list[dict[str, np.ndarray]]:
    """Outputs of Keras and of ONNX for the same batch."""
    network = keras.saving.load_model(bundle / "model.keras", compile=False)
    session = onnxruntime.InferenceSession(bundle / "model.onnx")
    batch = {"photo": photo.astype("float32"), "details": details}
    names = [output.name for output in session.get_outputs()]
    keras_outputs = {name: np.asarray(value) for name, value in network.predict_on_batch(batch).items()}
    return [keras_outputs, dict(zip(names, session.run(names, batch), strict=True))]


def test_onnx_answers_as_keras_for_every_output(smoke_run: Path) -> None:
    rng = np.random.default_rng(0)
    photo = rng.integers(0, 256, (16, 32, 32, 3))
    details = np.stack(
        [encode_details(Details(age=float(5 * n), sex="male", site="torso")) for n in range(16)]
    )
    keras_outputs, onnx_outputs = both(smoke_run, photo, details)
    assert set(onnx_outputs) == {"logits", "feature_map", "embedding"}
    for name, value in onnx_outputs.items():
        np.testing.assert_allclose(value, keras_outputs[name], atol=1e-4)


def test_large_kernels_take_two_bytes_a_weight_in_both_files(smoke_run: Path) -> None:
    """The smoke network has three kernels of 3 x 3 pixels with at least 16 channels on either side."""
    halves = [
        list(value.dims)
        for value in onnx.load(smoke_run / "model.onnx").graph.initializer
        if value.data_type == onnx.TensorProto.FLOAT16
    ]
    assert sorted(halves) == [[16, 16, 3, 3], [24, 16, 3, 3], [24, 24, 3, 3]]
    with ZipFile(smoke_run / "model.keras") as saved:
        weights = saved.getinfo("model.weights.h5")
    assert weights.compress_size < 0.75 * weights.file_size


def test_inputs_have_the_names_and_types_of_the_interface(smoke_run: Path) -> None:
    session = onnxruntime.InferenceSession(smoke_run / "model.onnx")
    ends = {end.name: (end.shape, end.type) for end in session.get_inputs()}
    assert ends == {"photo": (["N", 32, 32, 3], "tensor(float)"), "details": (["N", 14], "tensor(float)")}


@pytest.mark.parametrize("name", sorted(path.name for path in COMMITTED.iterdir() if path.is_dir()))
def test_committed_probabilities_agree_on_500_real_photos(name: str, data_root: Path) -> None:
    """The bundle's own out-of-fold photos; their details as they are known."""
    from data_modelling.datasets.registry import load_table
    from data_modelling.datasets.table import encode_table
    from data_modelling.settings import settings_from_dict

    bundle = load_bundle(COMMITTED / name)
    table, _ = load_table(settings_from_dict(bundle.metadata["settings"]), data_root)
    sample = table.iloc[:: len(table) // 500][:500]
    edge = bundle.metadata["edge"]
    photo = np.stack([read_photo(Path(path).read_bytes(), edge) for path in sample["path"]])
    keras_outputs, onnx_outputs = both(bundle.folder, photo, encode_table(sample))
    keras_probabilities, onnx_probabilities = (
        calibrated_probabilities(outputs["logits"], bundle.metadata["temperature"])
        for outputs in (keras_outputs, onnx_outputs)
    )
    assert len(keras_probabilities) == 500
    assert np.abs(keras_probabilities - onnx_probabilities).max() <= 1e-5


@pytest.mark.usefixtures("converter_process")
def test_what_cannot_be_exported_is_told(tmp_path: Path) -> None:
    (tmp_path / "n.keras").write_bytes(b"no network")
    with pytest.raises(InputError, match=r"n\.keras could not be exported"):
        export_onnx(tmp_path / "n.keras", tmp_path / "n.onnx")
    assert not (tmp_path / "n.onnx").exists()


@pytest.mark.usefixtures("converter_process")
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
