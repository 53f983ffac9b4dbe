"""Whether a TFRecord shard's photos are bluer than skin: then their colours are stored in another order."""

import sys
from collections import defaultdict
from collections.abc import Iterable

import numpy as np

from data_modelling.datasets.stored import read_pixels, shard_of
from data_modelling.inference.errors import PhotoError

LOOKED_AT = 16  # photos of a shard
EDGE = 32  # pixels they are read at


def warn_of_blue(paths: Iterable[str]) -> list[str]:
    """Name on standard error the shards most of whose photos have more blue than red, which skin has not.

    paths: as the table has them, of photos that may be looked at: never the locked test's.
    Photos that lie alone are passed over. Returns the shards that were named.
    """
    shards: dict[tuple[str, str], list[str]] = defaultdict(list)
    for path in paths:
        if place := shard_of(path):
            shards[place].append(path)
    return [shard for (shard, channels), inside in shards.items() if _told_blue(shard, inside, channels)]


def _told_blue(shard: str, paths: list[str], channels: str) -> bool:
    means = []
    for path in paths[:: -(-len(paths) // LOOKED_AT)]:
        try:
            means.append(read_pixels(path, EDGE).mean(axis=(0, 1)))
        except PhotoError:
            continue  # reported where the photos are decoded
    bluer = [red < blue for red, _, blue in means]
    if np.mean(bluer or [0]) <= 0.5:
        return False
    other = "bgr" if channels == "rgb" else "rgb"
    print(
        f"warning: {sum(bluer)} of {len(bluer)} photos of {shard} have more blue than red, and skin is redder: its "
        f'colours seem to be in another order; set channels = "{other}" in [prepared].',
        file=sys.stderr,
    )
    return True
