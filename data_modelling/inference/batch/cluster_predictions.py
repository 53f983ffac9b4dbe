"""Computes csv rows for the command `predict` on a Ray cluster (machines that share work), with one predictor per core.

If a process or machine dies, Ray gives its photos to others. The command gets the rows in order and writes all files.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

from data_modelling.inference.batch.photo_folder import Photo, RowOptions, Rows, photo_rows
from data_modelling.inference.batch.ray_cluster import RETRIES, cluster_cores
from data_modelling.inference.bundle import load_bundle
from data_modelling.inference.errors import InputError
from data_modelling.inference.predictor import Predictor

BATCH = 32  # photos that a predictor gets at once; they are computed again if the predictor dies


def bundle_error(folder: Path, sums: Mapping[str, str]) -> InputError | None:
    """Return an error if this node (machine) cannot load the bundle in `folder` with these checksums, or else None."""
    try:
        if load_bundle(folder).sums == sums:
            return None
    except InputError as error:
        return error
    return InputError(f"A node has another bundle in {folder}; copy this machine's bundle to the node.")


class BatchPredictor:
    """Predicts photos on one core; Ray creates the object on the node (machine) of this core.

    bundle: the bundle's folder, which every node must have. sums: the checksums that the bundle must have.
    """

    def __init__(self, bundle: Path, sums: Mapping[str, str], views: int, options: RowOptions) -> None:
        self._options = options
        # An error is kept and returned instead of rows. If it were raised here, Ray would retry for ever.
        self._predictor = bundle_error(bundle, sums) or Predictor(load_bundle(bundle), views)

    def __call__(self, block: dict[str, Any]) -> dict[str, list[bytes]]:
        """Return the rows or an InputError for each batch of a block (see _blocks); batches and results are pickled."""
        from ray import cloudpickle

        batches = map(cloudpickle.loads, block["photos"])
        return {"rows": [cloudpickle.dumps(self._rows(batch)) for batch in batches]}

    def _rows(self, batch: list[Photo]) -> list[Rows] | InputError:
        if isinstance(self._predictor, InputError):
            return self._predictor
        return [photo_rows(self._predictor, *photo, self._options) for photo in batch]


@dataclass(frozen=True)
class ClusterRows:
    """Computes rows, as a RowSource (see photo_folder), on the cluster that `ray` is connected to."""

    ray: ModuleType

    def __call__(self, predictor: Predictor, photos: Iterable[Photo], options: RowOptions) -> Iterator[Rows]:
        """Yield the rows of each photo, in order; raise InputError if a node has another bundle."""
        blocks = _blocks(iter(photos))
        if blocks:
            bundle = predictor.bundle
            self._check_nodes(bundle.folder.resolve(), bundle.sums)
            yield from self._rows(blocks, (bundle.folder.resolve(), bundle.sums, predictor.views, options))

    def _check_nodes(self, bundle: Path, sums: Mapping[str, str]) -> None:
        """Raise InputError if a node lacks this bundle. A node that joins later returns the error instead of rows."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy as OnNode

        task = self.ray.remote(max_retries=RETRIES)(bundle_error)
        nodes = [node for node in self.ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
        places = [OnNode(node["NodeID"], soft=True) for node in nodes]
        checks = [task.options(scheduling_strategy=place).remote(bundle, sums) for place in places]
        for error in filter(None, self.ray.get(checks)):
            raise error

    def _rows(self, blocks: list[Any], arguments: tuple[Any, ...]) -> Iterator[Rows]:
        from ray import cloudpickle, data

        logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # or Ray would print its plan and lost nodes
        context = data.DataContext.get_current()
        context.enable_progress_bars = False  # `predict` shows its own progress bar
        context.execution_options.preserve_order = True
        cores = min(cluster_cores(self.ray), len(blocks))
        output = data.from_arrow(blocks).map_batches(
            BatchPredictor,
            fn_constructor_args=arguments,
            batch_size=None,
            num_cpus=1,
            compute=data.ActorPoolStrategy(min_size=1, max_size=cores, initial_size=cores),
        )
        blocks.clear()  # Ray's store holds the tables now; this frees their memory here
        # The iterator must close before this process disconnects from the cluster, or Ray would abort the process.
        with closing(iter(output.iter_rows())) as batches:
            for batch in batches:
                rows = cloudpickle.loads(batch["rows"])
                if isinstance(rows, InputError):
                    raise rows
                yield from rows


def _blocks(photos: Iterator[Photo]) -> list[Any]:
    """Return pyarrow tables of one row each; the row holds up to BATCH photos, pickled."""
    import pyarrow as pa
    from ray import cloudpickle

    blocks = []
    while batch := list(islice(photos, BATCH)):
        blocks.append(pa.table({"photos": pa.array([cloudpickle.dumps(batch)], pa.binary())}))
    return blocks
