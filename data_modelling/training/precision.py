"""Whether training in bfloat16 pays: only where the processor (or accelerator) computes in it."""

import platform
from pathlib import Path

import keras


def training_dtype(wanted: bool) -> str:
    """`mixed_bfloat16` where it is wanted and the hardware has it, else `float32`."""
    return "mixed_bfloat16" if wanted and (_accelerator() or _processor_has_bfloat16()) else "float32"


def _accelerator() -> bool:
    return bool(keras.distribution.list_devices("gpu"))


def _processor_has_bfloat16() -> bool:
    facts = Path("/proc/cpuinfo")
    return platform.system() == "Linux" and facts.exists() and "avx512_bf16" in facts.read_text()
