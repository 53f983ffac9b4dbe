"""Joins photos into groups, such as those of one lesion or patient, which must be in one part of a split."""

from collections.abc import Iterable

from data_modelling.inference.details import NOT_KNOWN

DOWNSAMPLED_SUFFIX = (
    "_downsampled"  # ends ISIC 2019's id of a photo that was first published in a larger size
)


class _UnionFind:
    """Finds connected components of nodes by union-find."""

    def __init__(self) -> None:
        self.parents: dict[tuple[str, str], tuple[str, str]] = {}

    def root(self, node: tuple[str, str]) -> tuple[str, str]:
        while (parent := self.parents.setdefault(node, node)) != node:
            self.parents[node] = self.parents[parent]
            node = parent
        return node

    def join(self, first: tuple[str, str], second: tuple[str, str]) -> None:
        # The smaller node becomes the root, so that a group's name does not depend on the order of rows.
        # "key" sorts before "photo", so the id of a lesion or patient names the group if there is one.
        low, high = sorted((self.root(first), self.root(second)))
        self.parents[high] = low


def join_groups(
    image_ids: Iterable[str], keys: Iterable[str], pairs: Iterable[tuple[str, str]] = ()
) -> list[str]:
    """Return the group id of each photo.

    keys: the id of each photo's lesion or patient; a photo with "" or "unknown" is its own group. pairs: ids of photos
    that belong together despite their keys; ids that are not in `image_ids` are allowed. The smallest key of a group
    is its id, else its smallest image id.
    """
    components = _UnionFind()
    for image_id, key in zip(image_ids, keys, strict=True):
        if key.strip().lower() not in NOT_KNOWN:
            components.join(("photo", image_id), ("key", key))
    for first, second in pairs:
        components.join(("photo", first), ("photo", second))
    return [components.root(("photo", image_id))[1] for image_id in image_ids]
