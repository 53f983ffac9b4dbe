"""A valid bundle of a few kB whose answer follows from the photo's mean colour: no training needed."""

import json
from io import BytesIO
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from data_modelling.inference.bundle import FORMAT, write_checksums
from data_modelling.inference.checks.gate import GATE_FILE
from data_modelling.inference.checks.image_features import FEATURE_COUNT
from data_modelling.inference.checks.image_quality import QUALITY_CHECKS
from data_modelling.inference.checks.photo_checks import OriginDetector
from data_modelling.inference.checks.rare_details import TEN_YEAR_BANDS
from data_modelling.inference.details import DETAILS_WIDTH, SITES
from data_modelling.inference.diagnoses import class_codes, learned_class_codes
from data_modelling.inference.explanation.neighbours import write_index
from data_modelling.inference.modes import MODES
from data_modelling.safety.feature_network import write_arrays
from data_modelling.safety.gate import FittedGate, GateInputs, fit_gate, image_features_of_rows

EDGE = 16  # pixels
# Photos of one colour, as the tests make them, are blank and foreign by any threshold found on real ones.
NEVER_REFUSED = {check.measure: {"refuse": None, "warn": None} for check in QUALITY_CHECKS}
CODES = class_codes("ham10000")


def _gate() -> FittedGate:
    """Return a gate that is fitted to noise of every colour."""
    rng = np.random.default_rng(0)
    pixels = (rng.integers(0, 256, (60, 1, 1, 3)) + rng.integers(-9, 10, (60, EDGE, EDGE, 3))).clip(0, 255)
    photos = pixels.astype(np.uint8)
    inputs = GateInputs(
        photos.mean(axis=(1, 2)).astype(np.float32), image_features_of_rows(photos, range(len(photos)))
    )
    return fit_gate(inputs, rng.integers(0, 3, len(photos)), inputs)


GATE = _gate()


def without_origin() -> OriginDetector:
    """Return a detector without any finding: a real one may find anything in a photo of one colour."""
    sources = ("HAM10000", "PAD_UFES_20")
    empty = np.zeros((FEATURE_COUNT + 1, 1), np.float32), np.zeros((2, len(sources)), np.float32)
    return OriginDetector(sources, *empty, phone_threshold=2.0, unlike_thresholds={"HAM10000": 2.0})


def make_tiny_bundle(folder: Path, version: str = "1.0", task: str = "ham10000") -> Path:
    """Write the bundle: red photos are melanoma, green ones nevi, blue ones vascular; age adds to melanoma.

    Of the task isic2020 red ones are melanoma, green ones benign.
    """
    folder.mkdir(parents=True)
    onnx.save(_model(task), folder / "model.onnx")
    (folder / "model.keras").write_bytes(b"not read by the app")
    (folder / "README.md").write_text("A bundle for tests.\n")
    (folder / "metadata.json").write_text(json.dumps(_metadata(folder.name, version, task)))
    (folder / "metrics.json").write_text(json.dumps(METRICS if task == "ham10000" else {}))
    write_arrays(folder / GATE_FILE, **GATE.arrays)
    write_tiny_index(folder)
    write_checksums(folder)
    return folder


# The colours of the known photos and their diagnoses.
KNOWN_COLOURS = {
    (255, 120, 60): "MEL",
    (255, 60, 120): "BCC",
    (200, 90, 90): "SCC",
    (90, 200, 90): "NV",
    (60, 255, 120): "NV",
    (120, 255, 60): "BKL",
    (90, 90, 200): "AK",
}


def write_tiny_index(folder: Path) -> None:
    """Write an index of known photos of one colour, two of them of one lesion, the second without a thumbnail."""
    colours = [*KNOWN_COLOURS, (255, 119, 60)]
    count = len(colours)
    arrays = {
        "embedding": np.array(colours, np.float32),
        "image_id": np.array([f"KNOWN_{number}" for number in range(count)]),
        "source": np.array(["ISIC_2017", "PAD_UFES_20"] * (count // 2)),
        "diagnosis": np.array([*KNOWN_COLOURS.values(), "MEL"]),
        "confirmation": np.array(["histopathology", "consensus"] * (count // 2)),
        "group": np.array([*range(count - 1), 0], np.int32),
        "file_hash": np.arange(count, dtype=np.uint64),
        "terciles": np.array([0.1, 0.3], np.float32),
    }
    thumbnails = []
    for colour in KNOWN_COLOURS:
        file = BytesIO()
        Image.new("RGB", (32, 32), colour).save(file, "JPEG")
        thumbnails.append(file.getvalue())
    write_index(folder, arrays, [*thumbnails, b""])


METRICS = {
    "out_of_fold": {
        "photos": 100,
        "photo": {"accuracy_most_probable": 0.7, "expected_calibration_error": 0.02},
        "both": {
            "accuracy_most_probable": 0.8,
            "expected_calibration_error": 0.029,
            "confusion": [[20 if i == j else 0 for j in range(7)] for i in range(6)] + [[10] + [0] * 6],
        },
    },
    "thresholds": {
        "cancer": {
            "threshold": 0.25,
            "sensitivity": 0.9,
            "positives": 1640,
            "missed": 164,
            "negatives": 6860,
            "flagged": 1372,
        },
        "melanoma": {
            "threshold": 0.15,
            "sensitivity": 0.9,
            "positives": 820,
            "missed": 82,
            "negatives": 7680,
            "flagged": 1500,
        },
    },
}


def _metadata(name: str, version: str, task: str) -> dict[str, object]:
    names, known = class_codes(task), learned_class_codes(task)
    return {
        "name": name,
        "version": version,
        "date": "2026-01-31",
        "task": task,
        "classes": list(names),
        "format": FORMAT,
        "details_width": DETAILS_WIDTH,
        "edge": EDGE,
        "temperature": 1.0,
        "decision_prior": dict.fromkeys(names, 1 / len(names)),
        "thresholds": {"cancer": 0.25, "melanoma": 0.15, "clear": 0.1},
        "data": {
            "sources": ["HAM10000"],
            "photos": 8513,
            "groups": 6332,
            "counts": dict.fromkeys(known, 100) | {known[-1]: 90},
            "groups_by_age": dict.fromkeys(TEN_YEAR_BANDS, 500) | {"0-9": 43, "110-120": 0},
            "groups_by_site": dict.fromkeys(SITES, 700) | {"palms/soles": 3},
            "rare_below": 64,
        },
        "quality": NEVER_REFUSED,
        "gate": GATE.metadata | {"threshold": 1e9},
        "prediction_sets": {kind: thresholds(task) for kind in MODES},
        "operating_point": {"wide": {"classes": None, "cancer_classes": None}},
        "reference": {},
        "head": {"kernel": _colours(task)[:, : len(known)].tolist(), "bias": [0.0] * len(known)},
        # Whatever the photo, none of the classes has the probability 1 / (1 + e).
        "unknown": {"weights": {"bias": -1.0, "distance": 0.0, "entropy": 0.0}},
    }


def thresholds(task: str = "ham10000") -> dict[str, dict[str, float]]:
    """Return the thresholds of the prediction sets: 0.1 at 90 %, 0.02 at 95 %."""
    return {level: dict.fromkeys(class_codes(task), value) for level, value in (("90", 0.1), ("95", 0.02))}


def _colours(task: str) -> NDArray[np.float32]:
    """Return the weights from mean red, green, blue (0-255) to logits, (3, classes)."""
    names = class_codes(task)
    colours = np.zeros((3, len(names)), np.float32)
    of_channel = ("melanoma", "benign") if task == "isic2020" else ("MEL", "NV", "VASC")
    for channel, code in enumerate(of_channel):
        colours[channel, names.index(code)] = 5 / 255
    return colours


def _model(task: str) -> onnx.ModelProto:
    classes = len(class_codes(task))
    details = np.zeros((DETAILS_WIDTH, classes), np.float32)
    details[0, 0] = 0.5  # melanoma
    nodes = [
        helper.make_node("Transpose", ["photo"], ["channels_first"], perm=[0, 3, 1, 2]),
        helper.make_node("Identity", ["photo"], ["feature_map"]),
        helper.make_node("GlobalAveragePool", ["channels_first"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["embedding"]),
        helper.make_node("MatMul", ["embedding", "colours"], ["from_photo"]),
        helper.make_node("MatMul", ["details", "by_details"], ["from_details"]),
        helper.make_node("Add", ["from_photo", "from_details"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [_tensor("photo", "N", EDGE, EDGE, 3), _tensor("details", "N", DETAILS_WIDTH)],
        [
            _tensor("logits", "N", classes),
            _tensor("feature_map", "N", EDGE, EDGE, 3),
            _tensor("embedding", "N", 3),
        ],
        [_constant("colours", _colours(task)), _constant("by_details", details)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model


def _tensor(name: str, *shape: str | int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def _constant(name: str, values: NDArray[np.float32]) -> onnx.TensorProto:
    return numpy_helper.from_array(values, name)
