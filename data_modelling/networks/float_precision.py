"""The choice of the training's dtype: bfloat16 is faster only if the processor or accelerator computes in it."""

import platform
from pathlib import Path

import keras


def training_dtype(bfloat16_wanted: bool) -> str:
    """Return `mixed_bfloat16` if it is wanted and the hardware supports it, else `float32`."""
    return (
        "mixed_bfloat16"
        if bfloat16_wanted and (_has_accelerator() or _processor_has_bfloat16())
        else "float32"
    )


def _has_accelerator() -> bool:
    return bool(keras.distribution.list_devices("gpu"))


def _processor_has_bfloat16() -> bool:
    cpu_file = Path("/proc/cpuinfo")
    return platform.system() == "Linux" and cpu_file.exists() and "avx512_bf16" in cpu_file.read_text()
