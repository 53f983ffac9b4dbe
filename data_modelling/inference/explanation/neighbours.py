"""Finds the published photos that are most like a photo, so that an answer can show them with their diagnoses.

The bundle's index holds the embeddings of these known photos: the numbers by which the network describes a photo. The
search is exact. The licences of the photos (CC-0, CC BY) let a bundle show them. Only photos with a thumbnail can be
shown: one photo of each lesion or patient.
"""

from __future__ import annotations

import base64
import hashlib
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_modelling.inference.diagnoses import TASKS
from data_modelling.inference.errors import BundleError
from data_modelling.inference.files.atomic_files import atomic_write
from data_modelling.inference.source_facts import SOURCE_FACTS

Floats = NDArray[np.float32]

INDEX_FILE, THUMBNAILS_FILE = "neighbours.npz", "neighbours.jpgs"
NEIGHBOUR_COUNT = 6
# Two embeddings with a smaller cosine distance count as embeddings of one photo. A copy that was saved again (1,024
# pixels, JPEG quality 60) has a distance of at most 0.0035 from the original photo.
SAME_PHOTO_DISTANCE = 0.004
DISTANCE_DIGITS = 6
CONFIRMATIONS = ("histopathology", "consensus", "not_on_record")  # how a diagnosis was confirmed
# Whether a distance is in the lowest, middle or highest third of the known photos' distances from their own neighbours.
NEAR, USUAL, FAR = CLOSENESS = ("near", "usual", "far")
DIAGNOSES = {diagnosis.code: diagnosis for diagnosis in TASKS["isic2019"]}
# The arrays of INDEX_FILE, each with numpy's code for its kind of values. All but `terciles` have a row for each photo.
ARRAYS = {
    "embedding": "f",  # (N, channels); each row has the length 1
    "image_id": "U",
    "source": "U",
    "diagnosis": "U",  # a class of ISIC 2019
    "confirmation": "U",  # one of CONFIRMATIONS
    "group": "i",  # equal for photos of one lesion or patient
    "file_hash": "u",  # see file_hash
    "thumbnail_end": "i",  # byte of THUMBNAILS_FILE where the thumbnail ends; without one, the value of the row before
    "terciles": "f",  # (2,): the two distances that divide the thirds of CLOSENESS
}


class NeighbourIndex:
    """The index of a bundle; several threads and processes may use it at once."""

    def __init__(self, arrays: dict[str, NDArray[Any]], thumbnails: NDArray[np.uint8]) -> None:
        self._arrays = arrays
        self.embedding: Floats = arrays["embedding"].astype(np.float32)
        ends = arrays["thumbnail_end"]
        self._begins = np.concatenate([[0], ends[:-1]])
        self._has_thumbnail = ends > self._begins
        self._thumbnails = thumbnails

    @classmethod
    def load(cls, folder: Path) -> NeighbourIndex | None:
        """Return the index in a bundle's folder, or None if it is absent; raise BundleError if it is incomplete."""
        path = folder / INDEX_FILE
        if not path.exists():
            return None
        try:
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
                arrays = {name: file[name] for name in ARRAYS}
            # Memory-mapped, so that a process loads only the thumbnails that it shows.
            thumbnails = np.memmap(folder / THUMBNAILS_FILE, np.uint8, "r")
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise BundleError(f"{path} cannot be read; restore the bundle.") from error
        rows = {len(values) for name, values in arrays.items() if name != "terciles"}
        has_kinds = all(values.dtype.kind == ARRAYS[name] for name, values in arrays.items())
        if len(rows) != 1 or not has_kinds or arrays["thumbnail_end"][-1] != len(thumbnails):
            raise BundleError(f"{path} does not fit {THUMBNAILS_FILE}; restore the bundle.")
        return cls(arrays, thumbnails)

    def nearest(self, embedding: Floats, file: bytes) -> list[dict[str, Any]]:
        """Return the NEIGHBOUR_COUNT nearest photos that have a thumbnail, the nearest first, in the form of the API.

        embedding: (channels,), of the photo. file: the bytes of the photo's file. If the index knows the photo, photos
        of the same lesion or patient are left out.
        """
        distances = 1 - self.embedding @ unit_length(embedding)
        is_same = (distances < SAME_PHOTO_DISTANCE) | (self._arrays["file_hash"] == file_hash(file))
        own_groups = np.unique(self._arrays["group"][is_same])
        allowed = self._has_thumbnail & ~np.isin(self._arrays["group"], own_groups)
        rows = np.flatnonzero(allowed)
        order = rows[np.argsort(distances[rows], kind="stable")[:NEIGHBOUR_COUNT]]
        return [self._neighbour(int(row), float(distances[row])) for row in order]

    def _neighbour(self, row: int, distance: float) -> dict[str, Any]:
        names = ("image_id", "source", "diagnosis", "confirmation")
        image_id, source, code, confirmation = (str(self._arrays[name][row]) for name in names)
        thumbnail = self._thumbnails[self._begins[row] : self._arrays["thumbnail_end"][row]].tobytes()
        facts = SOURCE_FACTS[source]
        return {
            "image_id": image_id,
            "diagnosis": code,
            "name": DIAGNOSES[code].name,
            "confirmation": confirmation,
            "distance": round(distance, DISTANCE_DIGITS),
            "closeness": CLOSENESS[int(np.searchsorted(self._arrays["terciles"], distance))],
            "source": source,
            "credit": f"{facts.cite}, {facts.licence}",
            "thumbnail": "data:image/jpeg;base64," + base64.b64encode(thumbnail).decode("ascii"),
        }


def write_index(folder: Path, arrays: dict[str, NDArray[Any]], thumbnails: list[bytes]) -> None:
    """Write an index into a bundle's folder.

    arrays: all of ARRAYS but `thumbnail_end`. thumbnails: for each photo, a JPEG file, or b"" if it has no thumbnail.
    """
    ends = np.cumsum([len(thumbnail) for thumbnail in thumbnails]).astype(np.int32)
    embedding = unit_length(arrays["embedding"]).astype(np.float16)
    with atomic_write(folder / INDEX_FILE) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file, allow_pickle=False, **(arrays | {"embedding": embedding, "thumbnail_end": ends})
        )
    with atomic_write(folder / THUMBNAILS_FILE) as temporary:
        temporary.write_bytes(b"".join(thumbnails))


def unit_length(embeddings: NDArray[np.floating]) -> Floats:
    """Return embeddings (..., channels) scaled to the length 1; zeros stay zeros."""
    vectors = np.asarray(embeddings, np.float32)
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1), np.float32)


def file_hash(data: bytes) -> int:
    """Return the first 64 bits of a file's SHA-256."""
    return int.from_bytes(hashlib.sha256(data).digest()[:8], "big")
