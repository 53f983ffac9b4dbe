"""From `.keras` to ONNX, in a process of its own, since the converter needs Keras on TensorFlow.

python -m data_modelling.training.export network.keras model.onnx
"""

import os
import subprocess  # nosec B404  # to convert in a process of its own
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from data_modelling.inference.errors import InputError
from data_modelling.inference.files import replaced_when_whole

if TYPE_CHECKING:
    import onnx

LARGE = 100_000_000  # bytes of a saved network
# tf2onnx copies the graph before each of its optimizers, to go back to when one fails; with this a failure is told.
WITHOUT_COPIES = {"TF2ONNX_CATCH_ERRORS": "FALSE"}
# The optimizers write every weight anew in each pass, and protobuf's compiled version frees none of what was written
# before: 2.5 GB for EfficientNetV2-S with its 20 million weights. Its version in Python does, and takes a third longer.
FREEING = {"PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": "python"}
INPUTS = ("photo", "details")
OUTPUTS = ("logits", "feature_map", "embedding")


def export_onnx(saved: Path, target: Path) -> None:
    """Write `target` from a saved float32 network (see networks.fusion for inputs and outputs).

    Runs whatever backend this process uses. Raises InputError with the converter's last line when it fails, or when
    the system ends it: an EfficientNetV2-L (118 million parameters) takes 9 GB.
    """
    environment = os.environ | {
        "KERAS_BACKEND": "tensorflow",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "",
        **WITHOUT_COPIES,
        **(FREEING if saved.stat().st_size > LARGE else {}),
    }
    command = [sys.executable, "-m", __spec__.name, str(saved), str(target)]
    done = subprocess.run(  # nosec B603  # this module itself, by a list of arguments
        command, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode < 0:
        raise InputError(
            f"{saved} could not be exported to ONNX: the system ended the converter (signal {-done.returncode}), most "
            "likely for lack of memory; close other programs, or choose a smaller network."
        )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise InputError(f"{saved} could not be exported to ONNX: {last}")


def _convert(saved: Path, target: Path) -> None:
    # Imported here, in the process of its own: the rest of the project must not need TensorFlow's backend.
    import keras
    import numpy as np
    import onnx

    from data_modelling.networks import combined, fusion  # noqa: F401 - register the layers

    network = keras.saving.load_model(saved, compile=False)
    network.predict_on_batch({end.name: np.zeros((1, *end.shape[1:]), np.float32) for end in network.inputs})
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "raw.onnx"
        network.export(raw, format="onnx", verbose=False)
        model = onnx.load(raw)
    _check_ends(model)
    with replaced_when_whole(target) as temporary:
        onnx.save(model, temporary)


def _check_ends(model: "onnx.ModelProto") -> None:
    """Inputs and outputs have the names that others rely on; the batch dimension is called N."""
    for ends, names in ((model.graph.input, INPUTS), (model.graph.output, OUTPUTS)):
        if {end.name for end in ends} != set(names):
            raise ValueError(f"expected {names}, the converter made {[end.name for end in ends]}")
        for end in ends:
            end.type.tensor_type.shape.dim[0].dim_param = "N"


if __name__ == "__main__":
    _convert(Path(sys.argv[1]), Path(sys.argv[2]))
