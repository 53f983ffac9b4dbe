"""Computes class activation maps, which show where in the photo the model found evidence for each class.

They are exact and need no gradients. The head is linear on the pooled feature map, so the photo's part of a logit is a
sum over the cells of that map (Zhou et al. 2016, arXiv:1512.04150):

    logit = sum of the cells + bias + term of the details;  cell = kernel' . features of the cell / number of cells

A class that consists of several classes of the network, such as AKIEC of AK and SCC, has the mean of their maps, each
weighted by its share in the class's probability.
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
CENTRE_EDGE = 0.5**0.5  # of the edge: the middle square has half the area
LUMA = (0.299, 0.587, 0.114)  # grey of red, green, blue (ITU-R BT.601)
FRAME_GREY = 48  # darker pixels outside the inscribed circle belong to the dermatoscope's rim
LEVELS = np.arange(256)  # grey levels
LEAST_CONTRAST = 12  # grey levels by which a darker area must differ from the rest


@dataclass(frozen=True)
class Head:
    """The last layer of the network. kernel: (channels, columns). bias: (columns,).

    groups: the columns that each class consists of. Empty: each column is a class. With groups, the bias includes
    the term of unknown details.
    """

    kernel: Floats
    bias: Floats
    groups: tuple[tuple[int, ...], ...] = ()

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, Any], classes: int) -> Head | None:
        """Return the head in a bundle's metadata, None when it has none; raise BundleError for another shape."""
        if "head" not in metadata:
            return None
        try:
            kernel = np.array(metadata["head"]["kernel"], np.float64)
            bias = np.array(metadata["head"]["bias"], np.float64)
            groups = tuple(tuple(map(int, group)) for group in metadata["head"].get("groups", ()))
        except (KeyError, TypeError, ValueError) as error:
            raise BundleError(
                "metadata.json: head must have kernel and bias, in numbers; restore the bundle."
            ) from error
        columns = sum(map(len, groups)) if groups else classes
        named = sorted(column for group in groups for column in group) or list(range(columns))
        has_classes = len(groups) in (0, classes) and named == list(range(columns))
        if kernel.ndim != 2 or kernel.shape[1] != columns or bias.shape != (columns,) or not has_classes:
            raise BundleError("metadata.json: head does not have one column a class; restore the bundle.")
        return cls(kernel, bias, groups)

    def maps(self, feature_map: NDArray[np.float32]) -> Floats:
        """Return maps (classes, rows, columns) of a feature map (rows, columns, channels), without the bias."""
        return self.parts(feature_map)[0]

    def parts(self, feature_map: NDArray[np.float32]) -> tuple[Floats, Floats]:
        """Return the maps of the classes (see `maps`) and the bias of each class, (classes,)."""
        maps = self._column_maps(feature_map)
        if not self.groups:
            return maps, self.bias
        logits = maps.sum(axis=(1, 2)) + self.bias
        cells, biases = [], []
        for columns in map(list, self.groups):
            share = np.exp(
                logits[columns] - np.logaddexp.reduce(logits[columns])
            )  # in the group's probability
            cells.append(np.tensordot(share, maps[columns], 1))
            biases.append(share @ self.bias[columns])
        return np.stack(cells), np.array(biases)

    def photo_part(self, feature_map: NDArray[np.float32]) -> Floats:
        """Return the photo's part of the logits, (classes,): the sum of each map and the bias.

        For a class of several columns it is the logarithm of the sum of their exponentials.
        """
        logits = self._column_maps(feature_map).sum(axis=(1, 2)) + self.bias
        if not self.groups:
            return np.asarray(logits)
        return np.array([np.logaddexp.reduce(logits[list(group)]) for group in self.groups])

    def _column_maps(self, feature_map: NDArray[np.float32]) -> Floats:
        rows, columns, _ = feature_map.shape
        sums = np.einsum("ijc,ck->kij", feature_map.astype(np.float64), self.kernel)
        return np.asarray(sums / (rows * columns))


@dataclass(frozen=True)
class ClassMap:
    """Hold the map of one class.

    cells: its rows; with `bias` they sum to the photo's part of the logit. evidence: the rows of class_evidence.
    centre, darker: shares (0-1) of the evidence in the middle square of half the area, and in the darker area. Both
    are None without any evidence; darker is also None when the photo has no darker area.
    """

    cells: tuple[tuple[float, ...], ...]
    evidence: tuple[tuple[float, ...], ...]
    bias: float
    centre: float | None
    darker: float | None

    @property
    def amount(self) -> float:
        """Return the sum of the evidence."""
        return sum(map(sum, self.evidence))

    def as_json(self) -> dict[str, Any]:
        """Return the map as in the API; its reader can compute the evidence from the cells of all classes."""
        return {
            "cells": [list(row) for row in self.cells],
            "bias": self.bias,
            "centre": self.centre,
            "darker": self.darker,
        }


@dataclass(frozen=True)
class Heatmap:
    """The maps of all classes by code, and the share (0-1) of the square that is its darker area."""

    classes: dict[str, ClassMap]
    darker_area: float

    def as_json(self) -> dict[str, Any]:
        """Return the maps as in the API."""
        cells = next(iter(self.classes.values())).cells
        return {
            "rows": len(cells),
            "columns": len(cells[0]),
            "darker_area": self.darker_area,
            "classes": {code: class_map.as_json() for code, class_map in self.classes.items()},
        }


def make_heatmap(
    head: Head, codes: Iterable[str], feature_map: NDArray[np.float32], photo: NDArray[np.uint8]
) -> Heatmap:
    """Return the maps of all classes.

    codes: the class codes in the order of the head. feature_map: (rows, columns, channels), of the photo. photo:
    (edge, edge, 3).
    """
    maps, biases = head.parts(feature_map)
    darker = darker_area(photo)
    classes = {
        code: ClassMap(
            cells=_rows(cells),
            evidence=_rows(evidence),
            bias=round(float(bias), DIGITS),
            centre=evidence_share(evidence, _middle(len(photo))),
            darker=evidence_share(evidence, darker) if darker.any() else None,
        )
        for code, cells, evidence, bias in zip(codes, maps, class_evidence(maps), biases, strict=True)
    }
    return Heatmap(classes, round(float(darker.mean()), DIGITS))


def class_evidence(maps: Floats) -> Floats:
    """Return the evidence for each class: its map minus the mean map, where this is above 0.

    Adding the same number to the cells of all classes changes no probability, so only differences have a meaning.
    """
    return np.asarray(np.maximum(maps - maps.mean(axis=0), 0))


def darker_area(photo: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return a mask (edge, edge) of the pixels that are darker than the skin around them; empty without contrast.

    The threshold is Otsu's (1979, doi:10.1109/TSMC.1979.4310076) on grey levels, without the dermatoscope's rim.
    """
    grey = photo @ np.array(LUMA)
    rim = dark_rim(photo)
    threshold = otsu_threshold(grey[~rim])
    darker = (grey < threshold) & ~rim
    lighter = ~darker & ~rim
    if not (darker.any() and lighter.any()) or grey[lighter].mean() - grey[darker].mean() < LEAST_CONTRAST:
        return np.zeros_like(darker)
    return np.asarray(darker)


def dark_rim(photo: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return a mask (edge, edge) of the dermatoscope's rim: dark pixels outside the inscribed circle."""
    grey = photo @ np.array(LUMA)
    return np.asarray((grey < FRAME_GREY) & ~inscribed_circle(len(photo)))


def otsu_threshold(grey: Floats) -> float:
    """Return the grey level that divides pixels (values from 0 to below 256) into the two most different groups.

    "Most different" means the largest variance between the groups.
    """
    counts = np.bincount(grey.astype(np.intp), minlength=256)
    below = np.cumsum(counts)[:-1].astype(np.float64)
    above = len(grey) - below
    sums = np.cumsum(counts * LEVELS)
    pairs = below * above
    differences = sums[-1] * below - sums[:-1] * len(grey)  # of the two means, times below * above
    between = np.divide(differences * differences, pairs, out=np.zeros(255), where=pairs > 0)
    return float(1 + int(np.argmax(between)))


def inscribed_circle(edge: int) -> NDArray[np.bool_]:
    """Return a mask (edge, edge) of the largest circle in a square."""
    offset = np.arange(edge) + 0.5 - edge / 2
    return np.asarray(offset[:, None] ** 2 + offset[None] ** 2 <= (edge / 2) ** 2)


def _middle(edge: int) -> NDArray[np.bool_]:
    inside = np.abs(np.arange(edge) + 0.5 - edge / 2) <= edge * CENTRE_EDGE / 2
    return np.asarray(inside[:, None] & inside[None])


def evidence_share(evidence: Floats, area: NDArray[np.bool_]) -> float | None:
    """Return the share (0-1) of a map's evidence inside an area of pixels (edge, edge); None without evidence."""
    if not evidence.any():
        return None
    pixels = upsample_map(evidence, len(area))
    return round(float(pixels[area].sum() / pixels.sum()), DIGITS)


def upsample_map(cells: Floats, edge: int) -> Floats:
    """Return a map (rows, columns) enlarged to (edge, edge), bilinear between the centres of its cells."""
    image = Image.fromarray(cells.astype(np.float32))
    return np.asarray(image.resize((edge, edge), Image.Resampling.BILINEAR), np.float64)


def _rows(cells: Floats) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(round(float(value), DIGITS) for value in row) for row in cells)
