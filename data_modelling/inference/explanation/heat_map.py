"""Computes class activation maps, which show where in the photo the model found evidence for each class.

The head (the network's last layer) is linear, and its input is the mean of the feature map over all cells (positions).
So what the photo adds to a logit (the output for a class) is exactly a sum over the cells. The terms of this sum
are the map. No gradients are needed (Zhou et al. 2016, arXiv:1512.04150):

    logit = sum of the cells + bias + term of the details;  cell = (kernel . features at the cell) / number of cells

A class may merge several classes of the network, as AKIEC merges AK and SCC. The map of the merged class is a
weighted mean of the maps of AK and SCC. The weight of each is its share of the merged class's probability.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from data_modelling.inference.checks.image_features import darker_area
from data_modelling.inference.errors import BundleError

Floats = NDArray[np.float64]

DIGITS = 12  # decimals of every number of a map; probabilities have as many
CENTRE_EDGE = 0.5**0.5  # edge of the middle square (half the photo's area), as a share of the photo's edge


@dataclass(frozen=True)
class Head:
    """The last layer of the network. kernel: (channels, columns); each column gives a logit. bias: (columns,).

    groups: the columns that each class consists of; by default, each column is a class. With groups, the bias includes
    what the details add to the logits if all details are unknown.
    """

    kernel: Floats
    bias: Floats
    groups: tuple[tuple[int, ...], ...] = ()

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, Any], classes: int) -> Head | None:
        """Return the head in a bundle's metadata, or None if it is absent; raise BundleError if its shape is wrong."""
        if "head" not in metadata:
            return None
        try:
            kernel = np.array(metadata["head"]["kernel"], np.float64)
            bias = np.array(metadata["head"]["bias"], np.float64)
            groups = tuple(tuple(map(int, group)) for group in metadata["head"].get("groups", ()))
        except (KeyError, TypeError, ValueError) as error:
            raise BundleError(
                "metadata.json: head must have numbers for kernel and bias; restore the bundle."
            ) from error
        head = cls(kernel, bias, groups)
        columns = sorted(column for group in head.class_columns for column in group) if bias.ndim == 1 else []
        has_classes = len(head.class_columns) == classes and columns == list(range(len(columns)))
        if kernel.shape[1:] != (len(columns),) or bias.shape != (len(columns),) or not has_classes:
            raise BundleError("metadata.json: head must have one column for each class; restore the bundle.")
        return head

    @property
    def class_columns(self) -> tuple[tuple[int, ...], ...]:
        return self.groups or tuple((column,) for column in range(len(self.bias)))

    def parts(self, feature_map: NDArray[np.float32]) -> tuple[Floats, Floats]:
        """Return maps (classes, rows, columns) for a feature map (rows, columns, channels), and each class's bias."""
        maps = self._column_maps(feature_map)
        logits = maps.sum(axis=(1, 2)) + self.bias
        cells, biases = [], []
        for columns in map(list, self.class_columns):
            # The share of each column in the probability of its class.
            share = np.exp(logits[columns] - np.logaddexp.reduce(logits[columns]))
            cells.append(np.tensordot(share, maps[columns], 1))
            biases.append(share @ self.bias[columns])
        return np.stack(cells), np.array(biases)

    def photo_part(self, feature_map: NDArray[np.float32]) -> Floats:
        """Return the photo's part of the logits, (classes,): the sum of a class's map plus its bias.

        A merged class has such a sum for each of its columns; its part is log(sum(exp(these sums))).
        """
        logits = self._column_maps(feature_map).sum(axis=(1, 2)) + self.bias
        return np.array([np.logaddexp.reduce(logits[list(columns)]) for columns in self.class_columns])

    def _column_maps(self, feature_map: NDArray[np.float32]) -> Floats:
        rows, columns, _ = feature_map.shape
        sums = np.einsum("ijc,ck->kij", feature_map.astype(np.float64), self.kernel)
        return np.asarray(sums / (rows * columns))


def make_heatmap(
    head: Head, codes: Iterable[str], feature_map: NDArray[np.float32], photo: NDArray[np.uint8]
) -> dict[str, Any]:
    """Return all maps as in the API; `darker_area` is the share (0-1) of the photo that is darker than the skin.

    codes: the class codes in the order of the head. feature_map: (rows, columns, channels). photo: (edge, edge, 3).
    For a class that is not merged, `cells` and `bias` sum to the photo's part of the logit. `centre` is the share (0-1)
    of the class's evidence (see class_evidence) in the photo's middle square (half the photo's area). `darker` is the
    share in the darker area. For a class without evidence, both are None. Without a darker area, `darker` is None.
    """
    maps, biases = head.parts(feature_map)
    area = darker_area(photo)
    classes = {
        code: {
            "cells": [[round(float(value), DIGITS) for value in row] for row in cells],
            "bias": round(float(bias), DIGITS),
            "centre": evidence_share(evidence, _middle(len(photo))),
            "darker": evidence_share(evidence, area) if area.any() else None,
        }
        for code, cells, evidence, bias in zip(codes, maps, class_evidence(maps), biases, strict=True)
    }
    rows, columns = maps.shape[1:]
    share = round(float(area.mean()), DIGITS)
    return {"rows": rows, "columns": columns, "darker_area": share, "classes": classes}


def class_evidence(maps: Floats) -> Floats:
    """Return the evidence for each class: its map minus the mean of all maps; negative values become 0.

    Adding the same number to the maps of all classes changes no probability, so only differences between maps count.
    """
    return np.asarray(np.maximum(maps - maps.mean(axis=0), 0))


def _middle(edge: int) -> NDArray[np.bool_]:
    inside = np.abs(np.arange(edge) + 0.5 - edge / 2) <= edge * CENTRE_EDGE / 2
    return np.asarray(inside[:, None] & inside[None])


def evidence_share(evidence: Floats, area: NDArray[np.bool_]) -> float | None:
    """Return the share (0-1) of a map's evidence inside `area`, a mask (edge, edge), or None without evidence."""
    if not evidence.any():
        return None
    pixels = upsample_map(evidence, len(area))
    return round(float(pixels[area].sum() / pixels.sum()), DIGITS)


def upsample_map(cells: Floats, edge: int) -> Floats:
    """Return a map (rows, columns) enlarged to (edge, edge), interpolated linearly between the centres of its cells."""
    image = Image.fromarray(cells.astype(np.float32))
    return np.asarray(image.resize((edge, edge), Image.Resampling.BILINEAR), np.float64)
