"""Converts `.keras` files to ONNX, which runs without Keras. The converter needs TensorFlow, so it has its own process.

python -m data_modelling.networks.onnx network.keras model.onnx
"""

import os
import subprocess  # nosec B404  # to convert in a separate process
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from data_modelling.inference.errors import InputError
from data_modelling.inference.files.atomic_files import atomic_write

if TYPE_CHECKING:
    import onnx

LEAST_WEIGHTS = 2_000  # a tensor with fewer weights is not worth storing as float16
GRAPH_INPUTS = ("photo", "details")
GRAPH_OUTPUTS = ("logits", "feature_map", "embedding")


def export_onnx(saved: Path, target: Path) -> None:
    """Write the ONNX file `target` from a saved float32 network (see networks.model for inputs and outputs).

    The calling process may use any Keras backend. Raises InputError if the conversion fails (with the last line of the
    converter's error), or if the system ends the converter, for example for lack of memory.
    """
    environment = os.environ | {
        "KERAS_BACKEND": "tensorflow",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "",
        # Without this, tf2onnx hides errors in its simplification of the graph: it skips the steps that fail.
        "TF2ONNX_CATCH_ERRORS": "FALSE",
    }
    command = [sys.executable, "-m", __spec__.name, str(saved), str(target)]
    process = subprocess.run(  # nosec B603  # this module itself, by a list of arguments
        command, env=environment, capture_output=True, text=True, check=False
    )
    if process.returncode < 0:
        raise InputError(
            f"{saved} could not be exported to ONNX: the system ended the converter (signal {-process.returncode}), most "
            "likely for lack of memory; close other programs, or choose a smaller network."
        )
    if process.returncode:
        last_line = (process.stderr.strip().splitlines() or ["no message"])[-1]
        raise InputError(f"{saved} could not be exported to ONNX: {last_line}")


def _convert(saved: Path, target: Path) -> None:
    # These imports are here because the rest of the project must not need Keras on TensorFlow.
    import keras
    import numpy as np
    import onnx

    import data_modelling.networks.ensemble_layers
    import data_modelling.networks.merged_classes
    import data_modelling.networks.model  # noqa: F401 - register the layers

    network = keras.saving.load_model(saved, compile=False)
    zeros = {value.name: np.zeros((1, *value.shape[1:]), np.float32) for value in network.inputs}
    network.predict_on_batch(zeros)
    with tempfile.TemporaryDirectory() as folder:
        raw_file = Path(folder) / "raw.onnx"
        network.export(raw_file, format="onnx", verbose=False)
        model = onnx.load(raw_file)
    _check_inputs_and_outputs(model)
    _store_as_float16(model.graph)
    with atomic_write(target) as temporary:
        onnx.save(model, temporary)


def _check_inputs_and_outputs(model: "onnx.ModelProto") -> None:
    """Raise ValueError unless inputs and outputs have the expected names; name the batch dimension N."""
    for values, names in ((model.graph.input, GRAPH_INPUTS), (model.graph.output, GRAPH_OUTPUTS)):
        if {value.name for value in values} != set(names):
            raise ValueError(f"expected {names}, but the converter made {[value.name for value in values]}")
        for value in values:
            value.type.tensor_type.shape.dim[0].dim_param = "N"


def _store_as_float16(graph: "onnx.GraphProto") -> None:
    """Store weights as float16 if this keeps their values (see cnn.fold_normalisation), and add casts to float32."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for initializer in graph.initializer:
        weights = numpy_helper.to_array(initializer)
        if weights.dtype != np.float32 or weights.size < LEAST_WEIGHTS:
            continue
        half = weights.astype(np.float16)
        if np.allclose(half.astype(np.float32), weights, rtol=1e-6, atol=0):
            name = initializer.name
            initializer.CopyFrom(numpy_helper.from_array(half, f"{name}_float16"))
            casts.append(helper.make_node("Cast", [initializer.name], [name], to=TensorProto.FLOAT))
    for cast in reversed(casts):
        graph.node.insert(0, cast)


if __name__ == "__main__":
    _convert(Path(sys.argv[1]), Path(sys.argv[2]))
