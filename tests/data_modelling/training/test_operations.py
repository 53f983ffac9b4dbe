from math import prod
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from data_modelling.training.operations import count_operations


def saved(path: Path, size: int | str = 8) -> Path:
    """A photo of 8x8x3 -> 3x3 convolution to 4x4x6 -> a 3x3 convolution a channel -> mean -> 6 to 5 numbers."""
    nodes = [
        helper.make_node("Conv", ["photo", "first"], ["a"], strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("Conv", ["a", "second"], ["b"], group=6, pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["b"], ["c"]),
        helper.make_node("ReduceMean", ["c", "axes"], ["d"], keepdims=0),
        helper.make_node("MatMul", ["d", "head"], ["logits"]),
    ]
    shapes = {"first": (6, 3, 3, 3), "second": (6, 1, 3, 3), "head": (6, 5)}
    weights = [
        helper.make_tensor(name, TensorProto.FLOAT, shape, [0.0] * prod(shape))
        for name, shape in shapes.items()
    ]
    weights.append(helper.make_tensor("axes", TensorProto.INT64, (2,), [2, 3]))
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("photo", ["N", 3, size, size]), ("logits", ["N", 5]))
    ]
    onnx.save(helper.make_model(helper.make_graph(nodes, "made", ends[:1], ends[1:], weights)), path)
    return path


def test_operations_by_hand(tmp_path: Path) -> None:
    """Two for each output number and each number that it is summed over."""
    expected = 2 * (4 * 4 * 6) * (3 * 3 * 3) + 2 * (4 * 4 * 6) * (3 * 3) + 2 * 5 * 6
    assert count_operations(saved(tmp_path / "made.onnx")) == expected


def test_a_shape_that_is_not_known_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="shapes of .* are not known"):
        count_operations(saved(tmp_path / "made.onnx", "edge"))
