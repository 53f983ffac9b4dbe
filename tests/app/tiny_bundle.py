"""A valid bundle of a few kB whose answer follows from the photo's mean colour: no training needed."""

import json
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from data_modelling.inference.bundle import write_sums
from data_modelling.inference.details import SITES, WIDTH
from data_modelling.inference.diagnoses import codes, learned
from data_modelling.inference.looks import COUNT
from data_modelling.inference.origin import OriginDetector
from data_modelling.inference.quality import CHECKS
from data_modelling.inference.rarity import BANDS
from data_modelling.inference.sets import INPUTS
from data_modelling.rejection.gate import GatePart, Measured, fit_gate, looks_of, write_gate

EDGE = 16  # pixels
# Photos of one colour, as the tests make them, are blank and foreign by any threshold found on real ones.
NEVER_REFUSED = {check.measure: {"refuse": None, "warn": None} for check in CHECKS}
CODES = codes("ham10000")


def _gate() -> GatePart:
    """The gate that the fitting code makes of noise of every colour."""
    rng = np.random.default_rng(0)
    pixels = (rng.integers(0, 256, (60, 1, 1, 3)) + rng.integers(-9, 10, (60, EDGE, EDGE, 3))).clip(0, 255)
    photos = pixels.astype(np.uint8)
    seen = Measured(photos.mean(axis=(1, 2)).astype(np.float32), looks_of(photos, range(len(photos))))
    return fit_gate(seen, rng.integers(0, 3, len(photos)), seen)


GATE = _gate()


def without_origin() -> OriginDetector:
    """A detector that says nothing of any photo: real ones take a photo of one colour for anything."""
    sources = ("HAM10000", "PAD_UFES_20")
    empty = np.zeros((COUNT + 1, 1), np.float32), np.zeros((2, len(sources)), np.float32)
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
    write_gate(folder, GATE)
    write_sums(folder)
    return folder


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
    names, known = codes(task), learned(task)
    return {
        "name": name,
        "version": version,
        "date": "2026-01-31",
        "task": task,
        "classes": list(names),
        "details_width": WIDTH,
        "edge": EDGE,
        "temperature": 1.0,
        "decision_prior": dict.fromkeys(names, 1 / len(names)),
        "thresholds": {"cancer": 0.25, "melanoma": 0.15},
        "data": {
            "sources": ["HAM10000"],
            "photos": 8513,
            "groups": 6332,
            "counts": dict.fromkeys(known, 100) | {known[-1]: 90},
            "groups_by_age": dict.fromkeys(BANDS, 500) | {"0-9": 43, "110-120": 0},
            "groups_by_site": dict.fromkeys(SITES, 700) | {"palms/soles": 3},
            "rare_below": 64,
        },
        "quality": NEVER_REFUSED,
        "gate": GATE.metadata | {"threshold": 1e9},
        "prediction_sets": {given: thresholds(task) for given in INPUTS},
        "operating_point": {"wide": {"classes": None, "cancer_classes": None}},
        "reference": {},
        "head": {"kernel": _colours(task)[:, : len(known)].tolist(), "bias": [0.0] * len(known)},
        # Whatever the photo, none of the classes has the probability 1 / (1 + e).
        "unknown": {"weights": {"bias": -1.0, "distance": 0.0, "entropy": 0.0}},
    }


def thresholds(task: str = "ham10000") -> dict[str, dict[str, float]]:
    """Of the prediction sets: more than a tenth at 90 %, more than a fiftieth at 95 %."""
    return {level: dict.fromkeys(codes(task), value) for level, value in (("90", 0.1), ("95", 0.02))}


def _colours(task: str) -> NDArray[np.float32]:
    """From the mean of red, green, blue (0-255) to logits, (3, classes)."""
    names = codes(task)
    colours = np.zeros((3, len(names)), np.float32)
    of_channel = ("melanoma", "benign") if task == "isic2020" else ("MEL", "NV", "VASC")
    for channel, code in enumerate(of_channel):
        colours[channel, names.index(code)] = 5 / 255
    return colours


def _model(task: str) -> onnx.ModelProto:
    classes = len(codes(task))
    details = np.zeros((WIDTH, classes), np.float32)
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
        [_tensor("photo", "N", EDGE, EDGE, 3), _tensor("details", "N", WIDTH)],
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
