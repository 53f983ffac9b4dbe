"""Imports onnxruntime (the library that runs the networks) without its telemetry, for all other modules.

Since version 1.29, onnxruntime's Linux builds send usage reports over the network, and keep a database in the home
directory. The environment variable ORT_DISABLE_TELEMETRY prevents both if it is set before onnxruntime is imported. The
function `disable_telemetry_events` can be called only after the import, which is too late to prevent the database.
"""

import os
from pathlib import Path

from data_modelling.inference.errors import BundleError

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime

__all__ = ["one_line", "onnxruntime", "open_session"]


def open_session(model: Path) -> onnxruntime.InferenceSession:
    """Return an onnxruntime session that runs a model on one core; raise BundleError if the model cannot be loaded."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # best for single photos; parallel requests use the other cores
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # log only fatal errors; other errors are raised as exceptions
    try:
        return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions share no base class
        raise BundleError(f"{model} cannot be loaded: {one_line(error)}") from error


def one_line(error: Exception) -> str:
    """Return the text of an error in one line."""
    return " ".join(str(error).split())
