"""Joins the photos of one lesion or patient into a group, which must be in one part of a split."""

from collections.abc import Iterable

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from data_modelling.inference.details import NOT_KNOWN

# The ending of ISIC 2019's id of a photo that was first published in a larger size.
DOWNSAMPLED_SUFFIX = "_downsampled"


def join_groups(
    image_ids: Iterable[str], keys: Iterable[str], pairs: Iterable[tuple[str, str]] = ()
) -> list[str]:
    """Return the group id of each photo.

    keys: the id of each photo's lesion or patient; a photo with "" or "unknown" is its own group. pairs: ids of photos
    that belong together despite their keys; ids that are not in `image_ids` are allowed. The id of a group is its
    smallest key, or its smallest image id if it has no key.
    """
    edges = [(("photo", first), ("photo", second)) for first, second in pairs]
    for image_id, key in zip(image_ids, keys, strict=True):
        photo = ("photo", image_id)
        edges.append((photo, photo if key.strip().lower() in NOT_KNOWN else ("key", key)))
    # "key" sorts before "photo", so the first node of a group names it, whatever the order of rows.
    nodes = sorted({node for edge in edges for node in edge})
    index = {node: number for number, node in enumerate(nodes)}
    ends = np.array([(index[first], index[second]) for first, second in edges], int).reshape(-1, 2).T
    graph = coo_array((np.ones(len(edges)), ends), shape=(len(nodes), len(nodes)))
    _, groups = connected_components(graph, directed=False)
    _, first_nodes = np.unique(groups, return_index=True)
    return [nodes[first_nodes[groups[index["photo", image_id]]]][1] for image_id in image_ids]
