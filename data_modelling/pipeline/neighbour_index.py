"""Makes a bundle's index of known photos (published, with a diagnosis); an answer shows the most similar ones.

Photos are similar if their embeddings (the numbers by which a network describes a photo) are near each other. For an
evaluation, the module also finds the known photos that are most similar to photos that the network never saw.
"""

import hashlib
import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

import data_modelling.networks.merged_classes
import data_modelling.networks.model  # noqa: F401 - both register the layers of saved networks
from data_modelling.datasets import external_sources
from data_modelling.datasets.data_location import find_dataset_folder
from data_modelling.datasets.registry import data_set
from data_modelling.datasets.splits.assignment import attach_parts, fold_mask, read_split
from data_modelling.datasets.splits.files import split_file
from data_modelling.datasets.table import BENIGN
from data_modelling.evaluation.neighbours import NEIGHBOURS_FILE, neighbour_rows
from data_modelling.inference.bundle import load_bundle, write_checksums
from data_modelling.inference.details import Details
from data_modelling.inference.errors import InputError
from data_modelling.inference.explanation.neighbours import (
    NEIGHBOUR_COUNT,
    file_hash,
    unit_length,
    write_index,
)
from data_modelling.inference.files.atomic_files import write_json
from data_modelling.inference.photo.reader import read_photo
from data_modelling.inference.predictor import Predictor
from data_modelling.metrics.predictions import write_table
from data_modelling.pipeline.left_out_clinics import unseen_photos
from data_modelling.pipeline.run_networks import Run, open_run, rows_of_clinic
from data_modelling.settings import Settings, settings_from_dict
from data_modelling.training.batches import predict_output, select_examples
from data_modelling.training.checkpoint import NETWORK_FILE, fold_stage, left_out_stage
from data_modelling.training.development_set import DataFolders, DevelopmentSet

# The licences of these data sets (CC-0, CC BY) allow small pictures in a bundle; that of isic_msk_uda may forbid them.
SHOWN_DATA_SETS = ("isic2017", "pad_ufes_20")
SHOWN_PHOTOS = 900  # largest number of photos with a thumbnail
THUMBNAIL_EDGE = 112  # width and height in pixels
THUMBNAIL_QUALITY = 75  # JPEG quality

Floats = NDArray[np.floating]


def write_neighbours(
    folder: Path, data_root: Path | None, splits: Path, photos: int = SHOWN_PHOTOS
) -> dict[str, Any]:
    """Write the index and the thumbnails into the bundle in `folder`; return the counts of photos with a thumbnail.

    data_root, splits: see DataFolders. photos: largest number of thumbnails. Raises InputError if a data set is absent.
    """
    predictor = Predictor(load_bundle(folder))
    table = shown_photos(data_root, splits, photos)
    embeddings, hashes, thumbnails = [], [], []
    paths = tqdm(table["path"], desc="known photos", disable=None)
    for path, has_thumbnail in zip(paths, table["shown"], strict=True):
        data = Path(path).read_bytes()
        embeddings.append(predictor.embedding(read_photo(data, predictor.edge), Details()))
        hashes.append(file_hash(data))
        thumbnails.append(_thumbnail(data) if has_thumbnail else b"")
    vectors, groups = np.stack(embeddings), pd.factorize(table["group_id"])[0].astype(np.int32)
    is_shown = table["shown"].to_numpy()
    arrays = {
        "embedding": vectors,
        **{
            name: table[name].to_numpy(np.str_)
            for name in ("image_id", "source", "diagnosis", "confirmation")
        },
        "group": groups,
        "file_hash": np.array(hashes, np.uint64),
        "terciles": _terciles(vectors[is_shown], groups[is_shown]),
    }
    write_index(folder, arrays, thumbnails)
    shown = table[table["shown"]]
    facts: dict[str, Any] = {"photos": len(shown)}
    for key, column in (("diagnoses", "diagnosis"), ("sources", "source")):
        facts[key] = shown[column].value_counts().sort_index().to_dict()
    metadata = json.loads((folder / "metadata.json").read_text())
    write_json(folder / "metadata.json", metadata | {"neighbours": facts})
    write_checksums(folder)
    return facts


def shown_photos(data_root: Path | None, splits: Path, photos: int) -> pd.DataFrame:
    """Return the photos of the index: those with a thumbnail, and all other photos of the same lesions and patients.

    photos: largest number of thumbnails; a lesion or patient has at most one. A hash of the id decides which photos get
    one: equally many (or all) of each source and class. Columns: those of datasets.table, `part`, `shown` (gets one).
    """
    tables = [_load_source(name, data_root, splits) for name in SHOWN_DATA_SETS]
    table = pd.concat(tables, ignore_index=True)
    draw = [hashlib.sha256(image_id.encode()).hexdigest() for image_id in table["image_id"]]
    candidates = table.assign(draw=draw).sort_values("draw").drop_duplicates("group_id")
    strata = candidates.groupby(["source", "diagnosis"])
    sizes = strata.size()
    limit = max(limit for limit in range(sizes.max() + 1) if sizes.clip(upper=limit).sum() <= photos)
    shown = strata.head(limit)["image_id"]
    table = table[table["group_id"].isin(table.loc[table["image_id"].isin(shown), "group_id"])]
    return table.assign(shown=table["image_id"].isin(shown)).reset_index(drop=True)


def _load_source(name: str, data_root: Path | None, splits: Path) -> pd.DataFrame:
    record = data_set(name)
    table, _ = external_sources.load(record, data_root, splits)
    table = attach_parts(table, read_split(split_file(splits, name)))
    assert record.external is not None  # nosec B101  # for the type checker
    assert record.external.confirmations is not None  # nosec B101  # for the type checker
    root = find_dataset_folder(data_root, record.folder, *record.markers)
    return table.assign(confirmation=table["image_id"].map(record.external.confirmations(root)))


def _thumbnail(data: bytes) -> bytes:
    file = BytesIO()
    picture = Image.fromarray(read_photo(data, THUMBNAIL_EDGE))
    picture.save(file, "JPEG", quality=THUMBNAIL_QUALITY, optimize=True)
    return file.getvalue()


def _terciles(vectors: Floats, groups: NDArray[np.int32]) -> NDArray[np.float32]:
    """Return the terciles, (2,), of the distances from each shown photo to the nearest shown photos of other groups."""
    distances = _cosine_distances(vectors, vectors)
    distances[groups[:, None] == groups[None]] = np.inf
    nearest = np.sort(distances, axis=1)[:, : min(NEIGHBOUR_COUNT, len(vectors) - 1)]
    return np.quantile(nearest, [1 / 3, 2 / 3]).astype(np.float32)


def _cosine_distances(first: Floats, second: Floats) -> Floats:
    return 1 - unit_length(first) @ unit_length(second).T


def write_neighbour_predictions(
    folder: Path, work: Path, folders: DataFolders, photos: int = SHOWN_PHOTOS
) -> None:
    """Write predictions/neighbours.csv.gz into the bundle in `folder`: the nearest known photos of held-out photos.

    A network that never saw a clinic group compares the group's photos with the known photos. If there is no such
    group, the network that never saw a fold compares the fold's photos with the known photos of other folds. work: the
    run's work folder. photos: as for `write_neighbours`. Raises InputError if a network is missing.
    """
    settings = settings_from_dict(json.loads((folder / "metadata.json").read_text())["settings"])
    run = open_run(settings, folders, work)
    known = shown_photos(folders.data_root, folders.splits, photos)
    known = known[known["shown"]].reset_index(drop=True)
    pixels = np.stack([read_photo(Path(path).read_bytes(), settings.network.edge) for path in known["path"]])
    parts = _held_out_parts(run, unseen_photos(run), known, folder)
    rows = [_nearest_rows(settings, part, known, pixels) for part in parts]
    write_table(folder / "predictions" / NEIGHBOURS_FILE, pd.concat(rows).sort_values("image_id"))


def _embeddings(
    network: keras.Model,
    table: pd.DataFrame,
    pixels: NDArray[np.uint8],
    mask: NDArray[np.bool_],
    settings: Settings,
) -> Floats:
    """Return the network's embeddings, (selected photos, channels), of the photos that a mask selects."""
    examples = select_examples(table, pixels, mask, settings.task)
    return predict_output(network, examples, "embedding", with_details=False)


class _HeldOutPart(NamedTuple):
    """Selects photos that a network never saw, and the known photos with which these photos are compared.

    network: its file. held_out: mask of rows of `photos` that it never saw. others: mask of known photos to compare.
    """

    network: Path
    photos: DevelopmentSet
    held_out: NDArray[np.bool_]
    others: NDArray[np.bool_]


def _held_out_parts(
    run: Run, unseen: DevelopmentSet | None, known: pd.DataFrame, bundle: Path
) -> Iterator[_HeldOutPart]:
    """Yield the photos of each clinic group that a network never saw, or of each fold if there is no such group."""
    settings, development, work = run.settings, run.development, run.work
    table, every = development.combined_table(), np.ones(len(known), bool)
    for clinic in settings.left_out_clinics:
        network = work / left_out_stage(clinic) / NETWORK_FILE
        yield _HeldOutPart(network, development, rows_of_clinic(clinic, settings.task)(table), every)
    if unseen is not None:
        yield _HeldOutPart(bundle / "model.keras", unseen, np.ones(len(unseen.table), bool), every)
    if settings.left_out_clinics or unseen is not None:
        return
    for fold in settings.figure_folds:
        network = work / fold_stage(fold) / NETWORK_FILE
        yield _HeldOutPart(network, development, fold_mask(table, fold), ~fold_mask(known, fold))


def _nearest_rows(
    settings: Settings, part: _HeldOutPart, known: pd.DataFrame, pixels: NDArray[np.uint8]
) -> pd.DataFrame:
    """Return a row of NEIGHBOURS_FILE for each held-out photo of a part. pixels: the known photos, decoded."""
    if not part.network.exists():
        raise InputError(f"{part.network} is missing; finish the training run first.")
    network = keras.saving.load_model(part.network, compile=False)
    table = part.photos.combined_table()
    # Some known photos have a diagnosis that the task lacks, so all get `benign`, which does not change an embedding.
    without_class = known.assign(diagnosis=BENIGN)
    distances = _cosine_distances(
        _embeddings(network, table, part.photos.pixels, part.held_out, settings),
        _embeddings(network, without_class, pixels, part.others, settings),
    )
    return neighbour_rows(table[part.held_out], known[part.others], distances)
