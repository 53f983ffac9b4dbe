"""Detects TFRecord shards whose colours seem to be stored in another order, because their photos are bluer than skin."""

import contextlib
import sys
from collections import defaultdict
from collections.abc import Iterable

import numpy as np

from data_modelling.datasets.formats.stored_photo import find_shard, read_pixels
from data_modelling.inference.errors import PhotoError

SAMPLED_PHOTOS = 16  # photos read from a shard
SAMPLE_EDGE = 32  # pixels of the edge at which they are read


def warn_of_swapped_channels(paths: Iterable[str]) -> list[str]:
    """Print a warning for each shard in which most photos have more blue than red; return these shards.

    paths: as in the table, without the photos of a locked test. Photos outside shards are skipped.
    """
    shards: dict[tuple[str, str], list[str]] = defaultdict(list)
    for path in paths:
        if shard_and_channels := find_shard(path):
            shards[shard_and_channels].append(path)
    swapped = []
    for (shard, channels), photos in shards.items():
        bluer = []
        for path in photos[:: -(-len(photos) // SAMPLED_PHOTOS)]:
            with contextlib.suppress(PhotoError):  # reported where the photos are decoded
                red, _, blue = read_pixels(path, SAMPLE_EDGE).mean(axis=(0, 1))
                bluer.append(red < blue)
        if np.mean(bluer or [0]) > 0.5:
            swapped.append(shard)
            print(
                f"warning: {sum(bluer)} of {len(bluer)} photos of {shard} have more blue than red, and skin is redder: its "
                f'colours seem to be in another order; set channels = "{"bgr" if channels == "rgb" else "rgb"}" in '
                "[prepared].",
                file=sys.stderr,
            )
    return swapped
