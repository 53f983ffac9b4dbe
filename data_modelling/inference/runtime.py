"""onnxruntime, kept to itself: since 1.29 its Linux builds report to their maker what they run, unless told not to.

They do so over the network and keep a database in the home directory; `disable_telemetry_events` comes too late
to prevent the latter. The switch is read when the library is loaded, so it is set before, and everything imports
onnxruntime from here.
"""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime

__all__ = ["onnxruntime"]
