"""A trained model as a folder: its files, their hashes, and what metadata.json must say."""

import hashlib
import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_modelling.inference.details import WIDTH
from data_modelling.inference.diagnoses import TASKS, codes
from data_modelling.inference.errors import BundleError

SUMS = "SHA256SUMS"
SUMS_LINE = re.compile(r"([0-9a-f]{64})  ([^\0]+)")  # as `sha256sum` writes them
LARGEST_EDGE = 1024  # pixels
REQUIRED = ("model.keras", "model.onnx", "gate.npz", "metadata.json", "metrics.json", "README.md")
# Keys of metadata.json by which an answer knows its limits: without them the app would answer for everything.
PARTS = ("quality", "gate", "prediction_sets", "operating_point", "reference")


@dataclass(frozen=True)
class Bundle:
    """A verified bundle.

    sha256 is that of model.onnx; metadata and metrics are the JSON files' values. sums: the SHA-256 of each of
    its files, by name.
    """

    folder: Path
    metadata: dict[str, Any]
    metrics: dict[str, Any]
    sha256: str
    sums: dict[str, str]

    @property
    def name(self) -> str:
        return str(self.metadata["name"])

    @property
    def version(self) -> str:
        return str(self.metadata["version"])

    @property
    def task(self) -> str:
        return str(self.metadata["task"])


def load_bundle(folder: Path) -> Bundle:
    """Read and verify a bundle; BundleError when it is absent, incomplete, altered or inconsistent."""
    if not folder.is_dir():
        raise BundleError(f"There is no bundle {folder}; train one or restore the folder.")
    sums = _read_sums(folder)
    missing = [name for name in REQUIRED if name not in sums]
    if missing:
        raise BundleError(f"{folder / SUMS} does not list {missing[0]}; restore the bundle.")
    for name, expected in sums.items():
        if _sha256(folder / name) != expected:
            raise BundleError(
                f"{folder / name} is missing or was altered (SHA-256 differs); restore the bundle."
            )
    metadata, metrics = (_read_json(folder / name) for name in ("metadata.json", "metrics.json"))
    _check_metadata(folder / "metadata.json", metadata)
    if not _finite(metrics):
        raise BundleError(f"{folder / 'metrics.json'} has a figure that is no number; restore the bundle.")
    return Bundle(folder, metadata, metrics, sums["model.onnx"], sums)


def write_sums(folder: Path) -> None:
    """Write SHA256SUMS over all files of a bundle, in the form that `sha256sum -c` reads."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    lines = [f"{_sha256(folder / name)}  {name}\n" for name in names if name != SUMS]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


def _read_sums(folder: Path) -> dict[str, str]:
    """Hash by file name."""
    try:
        lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BundleError(f"{folder / SUMS} is missing or cannot be read; restore the bundle.") from error
    sums = {}
    for line in lines:
        parts = SUMS_LINE.fullmatch(line)
        if parts is None or Path(parts[2]).is_absolute() or ".." in Path(parts[2]).parts:
            raise BundleError(
                f"{folder / SUMS} has a line that is no hash and file of the bundle; restore the bundle."
            )
        sums[parts[2]] = parts[1]
    return sums


def _sha256(path: Path) -> str:
    """Hex digest; empty for a file that cannot be read, which equals no digest."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BundleError(f"{path} is no valid JSON; restore the bundle.") from error
    if not isinstance(values, dict):
        raise BundleError(f"{path} must hold an object; restore the bundle.")
    return values


def _check_metadata(path: Path, metadata: dict[str, Any]) -> None:
    """What the predictor relies on is there, of the right kind, and fits this program's task and encoder."""
    task = metadata.get("task")
    if not isinstance(task, str) or task not in TASKS or metadata.get("classes") != list(codes(task)):
        raise BundleError(f"{path}: task and classes are not those of this program; update it or the bundle.")
    if metadata.get("details_width") != WIDTH:
        raise BundleError(f"{path}: details_width is not {WIDTH}; retrain the bundle for this program.")
    for name in ("name", "version"):
        if not (isinstance(metadata.get(name), str) and metadata[name]):
            raise BundleError(f"{path}: {name} must be a text; restore the bundle.")
    edge = metadata.get("edge")
    if not (isinstance(edge, int) and _is_number(edge) and 1 <= edge <= LARGEST_EDGE):
        raise BundleError(
            f"{path}: edge must be a whole number of pixels from 1 to {LARGEST_EDGE}; restore the bundle."
        )
    _check_parts(path, metadata)
    _check_numbers(path, metadata, codes(task))


def _check_parts(path: Path, metadata: dict[str, Any]) -> None:
    """The parts are there at all; what is in them is checked where it is read, when the predictor is made."""
    for part in PARTS:
        if not isinstance(metadata.get(part), dict):
            raise BundleError(f"{path}: {part} is missing; train the bundle anew with this program.")
    if not _is_list_of_texts(_inner(metadata, "data", "sources")):
        raise BundleError(
            f"{path}: data.sources must name what the model was trained on; restore the bundle."
        )


def _check_numbers(path: Path, metadata: dict[str, Any], classes: Iterable[str]) -> None:
    divisors = {
        "temperature": metadata.get("temperature"),
        **{f"decision_prior.{code}": _inner(metadata, "decision_prior", code) for code in classes},
    }
    for name, value in divisors.items():
        if not (_is_number(value) and value > 0):
            raise BundleError(f"{path}: {name} must be a number above 0; restore the bundle.")
    for group in ("cancer", "melanoma"):
        value = _inner(metadata, "thresholds", group)
        if not (_is_number(value) and 0 <= value <= 1):
            raise BundleError(f"{path}: thresholds.{group} must be a number from 0 to 1; restore the bundle.")


def _is_number(value: Any) -> bool:
    """Whether a JSON value is a finite number; to Python, true and false are numbers as well."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < math.inf


def _finite(value: Any) -> bool:
    """Whether no number anywhere in a JSON value is NaN or infinite, which pages and the API could not pass on."""
    if isinstance(value, dict):
        return all(_finite(one) for one in value.values())
    if isinstance(value, list):
        return all(_finite(one) for one in value)
    return not isinstance(value, float) or math.isfinite(value)


def _is_list_of_texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, str) for one in value)


def _inner(metadata: dict[str, Any], key: str, inner: str) -> Any:
    values = metadata.get(key)
    return values.get(inner) if isinstance(values, dict) else None
