"""Test whether the network looks at the lesion, with painted photos and with maps of the evidence.

A map of the evidence has a number for each cell of a photo: how strongly the cell speaks for the decided class (see
inference.explanation.heat_map). The sample has at most PHOTOS photos, one per lesion. Each is predicted without patient
details, by the network that never saw its fold. There are three tests:

- Painting: The lesion is painted over, or everything else is (see evaluation.shortcuts.lesion_painting).
- Evidence: The test measures which share of the evidence is inside the lesion's outline. The controls are random maps,
  and a Gaussian around the photo's centre, because most lesions are in the centre.
- Deletion curve (Petsiuk et al. 2018, arXiv:1806.07421): Each step paints over another tenth of the cells, those with
  the most evidence first. The curve is the share of the decided class's probability that is left (at most 1). The
  area under it is small if the answer depends on these cells. The controls paint random cells or central cells first.
"""

import hashlib
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from data_modelling.evaluation.shortcuts import lesion_painting
from data_modelling.evaluation.shortcuts.lesion_painting import (
    Areas,
    cells_area,
    find_areas,
    mean_colour,
    paint_area,
    read_outline,
)
from data_modelling.evaluation.shortcuts.shortcut_metrics import MAPS, VIEWS
from data_modelling.inference.decision import calibrated_probabilities, predicted_classes
from data_modelling.inference.details import Details, encode_details
from data_modelling.inference.diagnoses import class_codes
from data_modelling.inference.explanation import heat_map
from data_modelling.metrics.array_types import Features, Floats, Mask, Pixels
from data_modelling.metrics.calibration import CalibrationChoices
from data_modelling.networks.merged_classes import network_head

PredictBatch = Callable[[Pixels], tuple[Floats, Features]]

PHOTOS = 2000  # largest number of photos in a sample
SEED = 3  # decides the sample and the random maps
RANDOM_MAPS = 50  # per photo; their shares inside the outline are averaged
GAUSSIAN_WIDTH = 0.25  # standard deviation of the Gaussian, as a share of the edge
STEPS = 10  # steps of the deletion curve, from the intact photo to bare skin
BATCH_SIZE = 32  # photos of the sample that are tested together, and photos in a batch of the network


@dataclass(frozen=True)
class FoldNetwork:
    """Holds the network that was trained without one fold, with its head (last layer), temperature and decision prior.

    predict: takes photos (N, edge, edge, 3), and returns logits (N, classes) and feature maps.
    """

    predict: PredictBatch
    head: heat_map.Head
    temperature: float
    decision_prior: Floats


def shortcut_results(
    sample: pd.DataFrame,
    pixels: Pixels,
    outlines: Mapping[str, str],
    networks: Callable[[str], Path],
    choices: CalibrationChoices,
    task: str,
) -> pd.DataFrame:
    """Return the rows of SHORTCUTS_FILE (see shortcut_metrics), in the order of the sample's photos, and show progress.

    sample: rows of a table (see datasets.table), with the column part. pixels: their photos, (rows, edge, edge, 3).
    outlines: files by image id. networks: returns, for a part, the file of the network that never saw this part.
    Raises InputError for an outline that is broken or has another size than its photo.
    """
    places = zip(sample["image_id"], sample["path"], strict=True)
    areas = [read_outline(outlines[image_id], path, pixels.shape[1]) for image_id, path in places]
    names = sample["image_id"].tolist()
    rows: dict[int, dict[str, Any]] = {}
    with tqdm(total=len(sample), desc="shortcuts", unit=" photos") as bar:
        for part in sorted(sample["part"].unique()):
            network = _load_fold_network(networks(part), choices)
            part_rows = np.flatnonzero(sample["part"] == part)
            for start in range(0, len(part_rows), BATCH_SIZE):
                batch = part_rows[start : start + BATCH_SIZE].tolist()
                some = [names[row] for row in batch], pixels[batch], [areas[row] for row in batch]
                rows |= dict(zip(batch, shortcut_rows(network, *some), strict=True))
                bar.update(len(batch))
    facts = sample[["image_id", "group_id", "part", "diagnosis"]].rename(columns={"diagnosis": "truth"})
    columns = pd.DataFrame([_columns(rows[row_number], task) for row_number in range(len(sample))])
    return pd.concat([facts.reset_index(drop=True), columns], axis=1)


def sample_photos(table: pd.DataFrame, outlines: Mapping[str, str], count: int = PHOTOS) -> NDArray[np.int64]:
    """Return the row numbers of a random sample, sorted: at most `count` photos with an outline, one per lesion.

    Hashes of the image ids decide, so the sample is always the same, and prefers no class or fold.
    """
    hashes = [hashlib.sha256(f"{SEED} {image_id}".encode()).digest() for image_id in table["image_id"]]
    order = np.array(sorted(range(len(table)), key=hashes.__getitem__), np.int64)
    candidates = order[table["image_id"].isin(list(outlines)).to_numpy()[order]]
    is_first_of_lesion = ~table["group_id"].iloc[candidates].duplicated().to_numpy()
    return np.sort(candidates[is_first_of_lesion][:count])


def shortcut_rows(
    network: FoldNetwork, names: Sequence[str], photos: Pixels, outlines: Iterable[Mask]
) -> list[dict[str, Any]]:
    """Return for each photo its values for SHORTCUTS_FILE. A class is an index here; logits are an array (classes,).

    names: the image ids; they seed the random maps. photos: (N, edge, edge, 3). outlines: N masks (edge, edge).
    A photo with an empty outline or too little skin has only `decided`, `lesion_share` and the logits `intact`.
    """
    logits, feature_maps = network.predict(photos)
    probability = calibrated_probabilities(logits, network.temperature)
    decisions = predicted_classes(probability, network.decision_prior)
    rows: list[dict[str, Any]] = []
    for number, (name, photo, outline) in enumerate(zip(names, photos, outlines, strict=True)):
        decided = int(decisions[number])
        row = {"decided": decided, "lesion_share": float(outline.mean()), "intact": logits[number]}
        areas = find_areas(photo, outline)
        if areas is not None:
            cells = network.head.parts(feature_maps[number])[0]
            evidence = cells[decided] - cells.mean(axis=0)  # compared with the average class
            row |= _shares_inside_outline(name, evidence, outline)
            maps = (evidence, _rng(name).random(evidence.shape), gaussian(evidence.shape))  # ordered as MAPS
            painted = network.predict(np.stack(list(_painted_variants(photo, areas, maps))))[0]
            row |= {"lesion_painted": painted[0], "background_painted": painted[1]}
            left = calibrated_probabilities(painted[2:], network.temperature)[:, decided]
            ratios = np.minimum(left / probability[number, decided], 1)
            # Each map has STEPS - 1 ratios of its own. The last ratio, of bare skin, is the same for all maps.
            curves = ratios[:-1].reshape(len(MAPS), STEPS - 1)
            row |= {
                f"{kind}_deletion": deletion_area(np.concatenate([[1.0], curve, ratios[-1:]]))
                for kind, curve in zip(MAPS, curves, strict=True)
            }
        rows.append(row)
    return rows


def gaussian(shape: tuple[int, int]) -> Floats:
    """Return a Gaussian around the centre of a map. shape: the map's rows and columns."""
    rows, columns = ((np.arange(size) + 0.5) / size - 0.5 for size in shape)
    return np.asarray(np.exp(-(rows[:, None] ** 2 + columns[None] ** 2) / (2 * GAUSSIAN_WIDTH**2)))


def deletion_area(curve: Floats) -> float:
    """Return the area (0-1) under a deletion curve with equal steps, by the trapezium rule."""
    return float((curve[1:] + curve[:-1]).sum() / 2 / (len(curve) - 1))


def _load_fold_network(path: Path, choices: CalibrationChoices) -> FoldNetwork:
    """Return a saved network with the temperature and decision prior that turn its logits into decisions."""
    network = keras.saving.load_model(path, compile=False)
    unknown = np.tile(encode_details(Details()), (BATCH_SIZE, 1))

    def predict(photos: Pixels) -> tuple[Floats, Features]:
        answers = []
        # All batches have the same size, so that Keras compiles only once. Surplus rows of the last batch are cut off.
        batch = np.zeros((BATCH_SIZE, *photos.shape[1:]), np.float32)
        for start in range(0, len(photos), BATCH_SIZE):
            batch[: len(photos) - start] = photos[start : start + BATCH_SIZE]
            answers.append(network.predict_on_batch({"photo": batch, "details": unknown}))
        logits, maps = (
            np.concatenate([answer[output] for answer in answers])[: len(photos)]
            for output in ("logits", "feature_map")
        )
        return logits.astype(np.float64), maps

    return FoldNetwork(predict, network_head(network), choices.temperature, choices.decision_prior)


def _painted_variants(photo: Pixels, areas: Areas, maps: Iterable[Floats]) -> Iterator[Pixels]:
    """Yield the painted photos that the network predicts.

    In the first photo the lesion is painted over, and in the second the background. Then, for each map, more and more
    of its highest cells are painted over. The last photo has only the colour of the skin.
    """
    colour = mean_colour(photo, areas.skin)
    yield paint_area(photo, areas.lesion, colour)
    yield paint_area(photo, ~areas.lesion, colour)
    for cells in maps:
        order = np.argsort(-cells, axis=None, kind="stable")  # equal cells stay in reading order
        for step in range(1, STEPS):
            highest = order[: round(len(order) * step / STEPS)]
            yield paint_area(photo, cells_area(highest, cells.shape, len(photo)), colour)
    yield np.broadcast_to(colour, photo.shape)


def _rng(name: str) -> np.random.Generator:
    return np.random.default_rng((SEED, zlib.crc32(name.encode())))


def _shares_inside_outline(name: str, evidence: Floats, outline: Mask) -> dict[str, float | None]:
    """Return the share of each map that is inside the outline; for random maps, the mean over RANDOM_MAPS maps."""
    evidence = np.maximum(evidence, 0)
    random_maps = _rng(name).random((RANDOM_MAPS, *evidence.shape))
    shares = [heat_map.evidence_share(random_map, outline) for random_map in random_maps]
    return {
        "map_inside": heat_map.evidence_share(evidence, outline),
        "random_inside": float(np.mean([share for share in shares if share is not None])),
        "gaussian_inside": heat_map.evidence_share(gaussian(evidence.shape), outline),
    }


def _columns(row: dict[str, Any], task: str) -> dict[str, Any]:
    """Return a row with the decided class as a code, and each logit in its own column."""
    columns = {name: value for name, value in row.items() if name not in VIEWS}
    logits = {
        f"{view}_{code}": value
        for view in VIEWS
        if view in row
        for code, value in zip(class_codes(task), row[view], strict=True)
    }
    return columns | {"decided": class_codes(task)[row["decided"]]} | logits


def shortcut_dependencies(
    sample: pd.DataFrame,
    outlines: Mapping[str, str],
    networks: Callable[[str], Path],
    choices: CalibrationChoices,
) -> dict[str, Any]:
    """Return what the results depend on: choices, code and networks (hashes), outlines (sizes, times of change)."""
    modules = [Path(module) for module in (__file__, lesion_painting.__file__, heat_map.__file__)]
    files = [*modules, *map(networks, sorted(sample["part"].unique()))]
    states = {image_id: Path(outlines[image_id]).stat() for image_id in sample["image_id"]}
    return {
        "choices": [choices.temperature, *choices.decision_prior.tolist()],
        "files": [hashlib.sha256(file.read_bytes()).hexdigest() for file in files],
        "outlines": {name: [state.st_size, state.st_mtime_ns] for name, state in states.items()},
    }
