"""Reads and checks a bundle, the folder of one trained model, and writes its checksums."""

import hashlib
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_modelling.inference.details import DETAILS_WIDTH
from data_modelling.inference.diagnoses import TASKS, class_codes
from data_modelling.inference.errors import BundleError

SUMS = "SHA256SUMS"
SUMS_LINE = re.compile(r"([0-9a-f]{64})  ([^\0]+)")  # a line as `sha256sum` writes it
LARGEST_EDGE = 1024  # pixels; a bundle or recipe whose network sees larger photos is refused
REQUIRED_FILES = ("model.keras", "model.onnx", "gate.npz", "metadata.json", "metrics.json", "README.md")
FORMAT = 2  # version of metadata.json and of the files beside it; a bundle of another version is refused
# Keys of metadata.json for photo checks, prediction sets and the command `monitor`. A bundle without one is refused.
SAFETY_KEYS = ("quality", "gate", "prediction_sets", "operating_point", "reference")


@dataclass(frozen=True)
class Bundle:
    """Holds a bundle whose checksums and metadata were checked.

    metadata, metrics: the content of metadata.json and metrics.json. sha256: the SHA-256 of model.onnx. sums: the
    SHA-256 of each file, by file name.
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
    """Return a checked bundle; raise BundleError if it is absent, incomplete, altered or inconsistent."""
    if not folder.is_dir():
        raise BundleError(f"There is no bundle {folder}; train one or restore the folder.")
    sums = _read_checksums(folder)
    missing = [name for name in REQUIRED_FILES if name not in sums]
    if missing:
        raise BundleError(f"{folder / SUMS} does not list {missing[0]}; restore the bundle.")
    for name, expected in sums.items():
        if _sha256(folder / name) != expected:
            raise BundleError(
                f"{folder / name} is missing or was altered (SHA-256 differs); restore the bundle."
            )
    metadata, metrics = (_read_json(folder / name) for name in ("metadata.json", "metrics.json"))
    _check_metadata(folder / "metadata.json", metadata)
    try:
        json.dumps(metrics, allow_nan=False)  # pages and the API cannot show NaN or infinity
    except ValueError as error:
        raise BundleError(
            f"{folder / 'metrics.json'} has a metric that is no number; restore the bundle."
        ) from error
    return Bundle(folder, metadata, metrics, sums["model.onnx"], sums)


def write_checksums(folder: Path) -> None:
    """Write SHA256SUMS for all files of a bundle, in the format of `sha256sum -c`."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    lines = [f"{_sha256(folder / name)}  {name}\n" for name in names if name != SUMS]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


def _read_checksums(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file by its name; raise BundleError if SHA256SUMS cannot be read."""
    try:
        lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BundleError(f"{folder / SUMS} is missing or cannot be read; restore the bundle.") from error
    sums = {}
    for line in lines:
        parts = SUMS_LINE.fullmatch(line)
        if parts is None or Path(parts[2]).is_absolute() or ".." in Path(parts[2]).parts:
            raise BundleError(
                f"{folder / SUMS} has a line that is not a hash followed by the name of a file; restore the bundle."
            )
        sums[parts[2]] = parts[1]
    return sums


def _sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hex digits; an unreadable file gives "", which equals no SHA-256."""
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
        raise BundleError(f"{path} must hold a JSON object; restore the bundle.")
    return values


def _check_metadata(path: Path, metadata: dict[str, Any]) -> None:
    """Raise BundleError if the format is not FORMAT, or if a value such as the task is absent or wrong."""
    task, edge, sources = metadata.get("task"), metadata.get("edge"), _inner(metadata, "data", "sources")
    classes = class_codes(task) if isinstance(task, str) and task in TASKS else ()
    texts = {name: metadata.get(name) for name in ("name", "version")}
    divisors = {"temperature": metadata.get("temperature")}
    divisors |= {f"decision_prior.{code}": _inner(metadata, "decision_prior", code) for code in classes}
    thresholds = {name: _inner(metadata, "thresholds", name) for name in ("cancer", "melanoma", "clear")}
    if thresholds["clear"] is None:  # a bundle may lack the threshold "clear"
        del thresholds["clear"]
    conditions = {
        f"the bundle has format {metadata.get('format', 1)}, but this program reads format {FORMAT}; train it again, or "
        "use the program that made it.": metadata.get("format") == FORMAT,
        "task and classes differ from those of this program; update the program or the bundle.": (
            classes and metadata.get("classes") == list(classes)
        ),
        f"details_width is not {DETAILS_WIDTH}; retrain the bundle for this program.": (
            metadata.get("details_width") == DETAILS_WIDTH
        ),
        **{
            f"{name} must be a text; restore the bundle.": isinstance(value, str) and value
            for name, value in texts.items()
        },
        f"edge must be a whole number of pixels from 1 to {LARGEST_EDGE}; restore the bundle.": (
            isinstance(edge, int) and _is_number(edge, 1, LARGEST_EDGE)
        ),
        **{
            f"{part} is missing; train the bundle again with this program.": isinstance(
                metadata.get(part), dict
            )
            for part in SAFETY_KEYS  # the predictor checks their values
        },
        "data.sources must name what the model was trained on; restore the bundle.": (
            isinstance(sources, list) and sources and all(isinstance(source, str) for source in sources)
        ),
        **{
            f"{name} must be a number above 0; restore the bundle.": _is_number(value) and value != 0
            for name, value in divisors.items()
        },
        **{
            f"thresholds.{name} must be a number from 0 to 1; restore the bundle.": _is_number(value, 0, 1)
            for name, value in thresholds.items()
        },
    }
    for sentence, holds in conditions.items():
        if not holds:
            raise BundleError(f"{path}: {sentence}")


def _is_number(value: Any, low: float = 0, high: float = sys.float_info.max) -> bool:
    """Return whether a JSON value is a number from `low` to `high`; Python's True and False do not count as numbers."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high


def _inner(metadata: dict[str, Any], key: str, inner: str) -> Any:
    values = metadata.get(key)
    return values.get(inner) if isinstance(values, dict) else None
