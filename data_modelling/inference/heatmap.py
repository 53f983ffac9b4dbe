"""Where in the photo the model found what speaks for each class: class activation maps, exact, no gradients.

The head is linear on the pooled feature map, so that the photo's part of a logit is a sum over the cells of
that map (Zhou et al. 2016, arXiv:1512.04150):

    logit = sum of the cells + bias + term of the details;  cell = kernel' . features of the cell / cells
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from data_modelling.inference.errors import BundleError

Floats = NDArray[np.float64]

DIGITS = 12  # decimals of every number of a map, as of the probabilities
CENTRE_EDGE = 0.5**0.5  # of the square's edge: the middle square of half the area
LUMA = (0.299, 0.587, 0.114)  # grey of red, green, blue (ITU-R BT.601)
FRAME_GREY = 48  # outside the inscribed circle anything darker is the dermatoscope's rim, not skin
LEVELS = np.arange(256)  # grey levels
LEAST_CONTRAST = 12  # grey levels between the darker area and the rest, below which there is no such area


@dataclass(frozen=True)
class Head:
    """The last layer. kernel: (channels, classes). bias: (classes,)."""

    kernel: Floats
    bias: Floats

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, Any], classes: int) -> Head | None:
        """The head in a bundle's metadata; None when it has none. Raises BundleError for another shape."""
        if "head" not in metadata:
            return None
        try:
            kernel = np.array(metadata["head"]["kernel"], np.float64)
            bias = np.array(metadata["head"]["bias"], np.float64)
        except (KeyError, TypeError, ValueError) as error:
            raise BundleError(
                "metadata.json: head must have kernel and bias, in numbers; restore the bundle."
            ) from error
        if kernel.ndim != 2 or kernel.shape[1] != classes or bias.shape != (classes,):
            raise BundleError("metadata.json: head does not have one column a class; restore the bundle.")
        return cls(kernel, bias)

    def maps(self, feature_map: NDArray[np.float32]) -> Floats:
        """Maps (classes, rows, columns) of a feature map (rows, columns, channels), without the bias."""
        rows, columns, _ = feature_map.shape
        sums = np.einsum("ijc,ck->kij", feature_map.astype(np.float64), self.kernel)
        return np.asarray(sums / (rows * columns))

    def photo_part(self, feature_map: NDArray[np.float32]) -> Floats:
        """What the photo adds to the logits, (classes,): the sum of each map and the bias."""
        return np.asarray(self.maps(feature_map).sum(axis=(1, 2)) + self.bias)


@dataclass(frozen=True)
class ClassMap:
    """The map of one class.

    cells: its rows; with `bias` they sum to the photo's part of the logit.
    evidence: its rows again, but only what speaks for this class rather than for the average class.
    centre, darker: shares (0-1) of the evidence in the middle square of half the area and in the darker area;
    None without any evidence, darker also when the photo has no darker area.
    """

    cells: tuple[tuple[float, ...], ...]
    evidence: tuple[tuple[float, ...], ...]
    bias: float
    centre: float | None
    darker: float | None

    def as_json(self) -> dict[str, Any]:
        """The map as the API gives it; the evidence follows from the cells of all classes."""
        return {
            "cells": [list(row) for row in self.cells],
            "bias": self.bias,
            "centre": self.centre,
            "darker": self.darker,
        }


@dataclass(frozen=True)
class Heatmap:
    """The maps of all classes by code, and the part (0-1) of the square that is its darker area."""

    classes: dict[str, ClassMap]
    darker_area: float

    def as_json(self) -> dict[str, Any]:
        """The maps as the API gives them."""
        cells = next(iter(self.classes.values())).cells
        return {
            "rows": len(cells),
            "columns": len(cells[0]),
            "darker_area": self.darker_area,
            "classes": {code: found.as_json() for code, found in self.classes.items()},
        }


def make_heatmap(
    head: Head, codes: Iterable[str], feature_map: NDArray[np.float32], photo: NDArray[np.uint8]
) -> Heatmap:
    """The map of every class.

    codes: of the classes. feature_map: (rows, columns, channels). photo: what it came from, (edge, edge, 3).
    """
    maps = head.maps(feature_map)
    darker = darker_area(photo)
    classes = {
        code: ClassMap(
            cells=_rows(cells),
            evidence=_rows(found),
            bias=round(float(bias), DIGITS),
            centre=share_inside(found, _middle(len(photo))),
            darker=share_inside(found, darker) if darker.any() else None,
        )
        for code, cells, found, bias in zip(codes, maps, evidence_of(maps), head.bias, strict=True)
    }
    return Heatmap(classes, round(float(darker.mean()), DIGITS))


def evidence_of(maps: Floats) -> Floats:
    """What speaks for each class rather than for the average one: maps less their mean, where above 0.

    Adding the same to the cells of all classes changes no probability, so only differences mean anything.
    """
    return np.asarray(np.maximum(maps - maps.mean(axis=0), 0))


def darker_area(photo: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """The pixels (edge, edge) that are darker than the skin around them; none when all look alike.

    Otsu's threshold (1979, doi:10.1109/TSMC.1979.4310076) on grey levels, the dermatoscope's rim left out.
    """
    grey = photo @ np.array(LUMA)
    rim = dark_rim(photo)
    threshold = otsu(grey[~rim])
    darker = (grey < threshold) & ~rim
    lighter = ~darker & ~rim
    if not (darker.any() and lighter.any()) or grey[lighter].mean() - grey[darker].mean() < LEAST_CONTRAST:
        return np.zeros_like(darker)
    return np.asarray(darker)


def dark_rim(photo: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """The pixels (edge, edge) of the dermatoscope's rim: dark ones outside the inscribed circle."""
    grey = photo @ np.array(LUMA)
    return np.asarray((grey < FRAME_GREY) & ~inscribed_circle(len(photo)))


def otsu(grey: Floats) -> float:
    """The grey level (values from 0 to under 256) that splits the pixels into two groups with the largest
    variance between them.
    """
    counts = np.bincount(grey.astype(np.intp), minlength=256)
    below = np.cumsum(counts)[:-1].astype(np.float64)
    above = len(grey) - below
    sums = np.cumsum(counts * LEVELS)
    pairs = below * above
    apart = sums[-1] * below - sums[:-1] * len(grey)  # of the groups' means, times below * above
    between = np.divide(apart * apart, pairs, out=np.zeros(255), where=pairs > 0)
    return float(1 + int(np.argmax(between)))


def inscribed_circle(edge: int) -> NDArray[np.bool_]:
    """The pixels (edge, edge) of the largest circle in a square."""
    offset = np.arange(edge) + 0.5 - edge / 2
    return np.asarray(offset[:, None] ** 2 + offset[None] ** 2 <= (edge / 2) ** 2)


def _middle(edge: int) -> NDArray[np.bool_]:
    inside = np.abs(np.arange(edge) + 0.5 - edge / 2) <= edge * CENTRE_EDGE / 2
    return np.asarray(inside[:, None] & inside[None])


def share_inside(evidence: Floats, area: NDArray[np.bool_]) -> float | None:
    """The part (0-1) of a map's evidence inside an area of pixels (edge, edge); None without evidence."""
    if not evidence.any():
        return None
    pixels = enlarged(evidence, len(area))
    return round(float(pixels[area].sum() / pixels.sum()), DIGITS)


def enlarged(cells: Floats, edge: int) -> Floats:
    """A map (rows, columns) drawn out to (edge, edge), bilinear between the centres of its cells."""
    image = Image.fromarray(cells.astype(np.float32))
    return np.asarray(image.resize((edge, edge), Image.Resampling.BILINEAR), np.float64)


def _rows(cells: Floats) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(round(float(value), DIGITS) for value in row) for row in cells)
