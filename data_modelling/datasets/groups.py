"""Groups: photos that must not stand on two sides of a split, such as those of one lesion or patient."""

from collections.abc import Iterable


class _Components:
    """Union-find over hashable nodes."""

    def __init__(self) -> None:
        self.parents: dict[tuple[str, str], tuple[str, str]] = {}

    def root(self, node: tuple[str, str]) -> tuple[str, str]:
        while (parent := self.parents.setdefault(node, node)) != node:
            self.parents[node] = self.parents[parent]
            node = parent
        return node

    def join(self, one: tuple[str, str], other: tuple[str, str]) -> None:
        # The smaller node becomes the root, so that a group's name does not depend on the order of rows;
        # "key" sorts before "photo": a lesion's or patient's id names the group where there is one.
        low, high = sorted((self.root(one), self.root(other)))
        self.parents[high] = low


def joined_groups(
    image_ids: Iterable[str], keys: Iterable[str], pairs: Iterable[tuple[str, str]] = ()
) -> list[str]:
    """The group id of each photo.

    keys: the id of each photo's lesion or patient, "" where not known: such a photo is its own group.
    pairs: ids of photos that belong together whatever their keys say; ids that are not in `image_ids` are
    allowed. A group is named by the smallest of its keys, else of its image ids.
    """
    components = _Components()
    for image_id, key in zip(image_ids, keys, strict=True):
        if key:
            components.join(("photo", image_id), ("key", key))
    for one, other in pairs:
        components.join(("photo", one), ("photo", other))
    return [components.root(("photo", image_id))[1] for image_id in image_ids]
