"""Turns the stored values of DICOM pixels (of medical images) into 8-bit levels, as the file's header asks."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Levels = NDArray[np.uint8]

LINEAR, LINEAR_EXACT, SIGMOID = "LINEAR", "LINEAR_EXACT", "SIGMOID"  # values of VOI LUT Function (0028,1056)
ROWS_AT_ONCE = 64  # rows of 32-bit pixels that are computed at once; few, to save memory


@dataclass(frozen=True)
class LookupTable:
    """A lookup table. Entry 0 belongs to the value `first`; values beyond the ends get the first or the last entry.

    entries: (N,) or, for a palette, (N, 3). Each entry has `bits` bits.
    """

    entries: NDArray[np.unsignedinteger]
    first: int
    bits: int

    def __post_init__(self) -> None:
        if not len(self.entries) or not 1 <= self.bits <= 16:
            raise ValueError("the lookup table is empty or too wide")

    def apply(self, values: Floats) -> Floats:
        """Return the entries for values (...,), as (...,) or, for a palette, (..., 3)."""
        index = np.clip(np.floor(values) - self.first, 0, len(self.entries) - 1)
        return np.asarray(self.entries[index.astype(np.intp)], np.float64)

    @classmethod
    def parse(cls, descriptor: tuple[int, int, int], *planes: bytes, byteorder: str) -> "LookupTable":
        """Return the lookup table whose entries are in one plane (bytes), or in three planes for a palette.

        descriptor: number of entries (0 stands for 65,536), first value, bits. Entries of 8 bits may be stored in 8 or
        in 16 bits (DICOM standard PS3.3, C.7.6.3.1.5). Raises ValueError if the planes do not fit the descriptor.
        """
        count, first, bits = descriptor[0] or 65_536, descriptor[1], descriptor[2]
        columns = []
        for plane in planes:
            stored = len(plane) // count
            if stored not in (1, 2):
                raise ValueError("the lookup table does not have the size that its descriptor says")
            kind = np.uint8 if stored == 1 else np.dtype(f"{'<' if byteorder == 'little' else '>'}u2")
            columns.append(np.frombuffer(plane, kind, count))
        entries = np.stack(columns, axis=-1)
        highest = int(entries.max())
        if entries.itemsize == 1 or (bits == 16 and highest < 256 and len(planes) > 1):
            bits = 8  # some cameras write 8-bit palettes and declare 16 bits
        if bits < 16 and highest >= 1 << bits:
            raise ValueError("the lookup table has larger entries than its descriptor says")
        return cls(entries if len(planes) > 1 else entries[:, 0], first, bits)


@dataclass(frozen=True)
class Window:
    """A window: the range of values shown from black to white, and the function in this range (PS3.3, C.11.2.1.2)."""

    centre: float
    width: float
    function: str = LINEAR

    def apply(self, values: Floats) -> Floats:
        """Return the level of each value, from 0 to 1."""
        if self.function == SIGMOID:
            exponent = np.clip(-4 * (values - self.centre) / self.width, -700, 700)
            return np.asarray(1 / (1 + np.exp(exponent)))
        if self.function == LINEAR_EXACT:
            return np.asarray(np.clip((values - self.centre) / self.width + 0.5, 0, 1))
        if self.width == 1:
            return np.asarray(values > self.centre - 0.5, np.float64)
        return np.asarray(np.clip((values - (self.centre - 0.5)) / (self.width - 1) + 0.5, 0, 1))

    @property
    def is_valid(self) -> bool:
        """Return whether the numbers and the function describe a window."""
        least = 1 if self.function == LINEAR else 0
        return bool(
            np.isfinite([self.centre, self.width]).all() and self.width >= least and self.width > 0
        ) and self.function in (LINEAR, LINEAR_EXACT, SIGMOID)


@dataclass(frozen=True)
class LevelRule:
    """The rule from stored values to levels, in DICOM's three steps: modality, values of interest (VOI), polarity.

    Step one looks values up in `modality`, or computes value * slope + intercept if that is None. Step two uses the
    table or palette `voi`, else `window`, else the whole range. is_inverted: whether the lowest value is white.
    """

    slope: float = 1.0
    intercept: float = 0.0
    modality: LookupTable | None = None
    voi: LookupTable | None = None
    window: Window | None = None
    is_inverted: bool = False

    def levels(self, pixels: NDArray[np.integer], bits: int) -> Levels:
        """Return the 8-bit levels of pixels (rows, columns[, 3]) with `bits` stored bits.

        Pixels of up to 16 bits go through a table of all values, so that little memory is needed.
        """
        if self == LevelRule() and bits == 8 and pixels.dtype == np.uint8:
            return np.asarray(pixels, np.uint8)
        size = pixels.dtype.itemsize
        native = pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
        low, high = 0.0, float((1 << bits) - 1)
        if pixels.dtype.kind == "i":
            low, high = -float(1 << (bits - 1)), float((1 << (bits - 1)) - 1) if bits > 1 else 1.0
        ends = np.array([low, high])
        if size <= 2:
            unsigned = np.dtype(f"u{size}")
            values = np.arange(1 << (8 * size)).astype(unsigned).view(native.dtype)
            return np.asarray(self._levels(values, ends)[native.view(unsigned)])
        blocks = range(0, len(native), ROWS_AT_ONCE)
        return np.concatenate([self._levels(native[start : start + ROWS_AT_ONCE], ends) for start in blocks])

    def _levels(self, stored: NDArray[np.integer], ends: Floats) -> Levels:
        """Return the levels of stored values. ends: the least and the largest value that can be stored."""
        values = stored.astype(np.float64)
        if self.modality is not None:
            values, ends = self.modality.apply(values), np.array([0, (1 << self.modality.bits) - 1])
        else:
            values, ends = (part * self.slope + self.intercept for part in (values, ends))
        if self.voi is not None:
            shares = self.voi.apply(values) / ((1 << self.voi.bits) - 1)
        elif self.window is not None:
            shares = self.window.apply(values)
        else:
            shares = (values - ends.min()) / (ends.max() - ends.min())
        shares = 1 - shares if self.is_inverted else shares
        return np.asarray(np.clip(np.round(shares * 255), 0, 255), np.uint8)
