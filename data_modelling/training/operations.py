"""How much a network computes for one photo, counted in its ONNX file."""

from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx


def count_operations(path: Path) -> int:
    """Floating point operations of the convolutions and matrix products for one photo; a multiply-add is two.

    Normalisations and activations, a few per cent more, are left out, as is usual. Raises ValueError when a
    shape cannot be inferred.
    """
    import onnx  # here: only `compare` needs it

    model = onnx.load(path)
    shapes = _shapes(model)
    total = 0
    for node in model.graph.node:
        if node.op_type in ("Conv", "MatMul", "Gemm"):
            sizes = [shapes.get(name, [0]) for name in (*node.input[:2], node.output[0])]
            if not all(map(prod, sizes)):
                raise ValueError(f"{path}: the shapes of {node.name} are not known")
            first, kernel, out = sizes
            # Of a kernel (out, in / groups, height, width) each output takes one filter; of a product, one row.
            terms = prod(kernel[1:]) if node.op_type == "Conv" else first[-1]
            total += 2 * prod(out) * terms
    return total


def _shapes(model: "onnx.ModelProto") -> dict[str, list[int]]:
    """Shapes of everything in the graph for one photo; 0 for a length that is not known."""
    import onnx

    graph = model.graph
    del graph.value_info[:]  # what the converter noted there is for N photos
    for end in (*graph.input, *graph.output):
        end.type.tensor_type.shape.dim[0].dim_value = 1
    graph = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    shapes = {weight.name: list(weight.dims) for weight in graph.initializer}
    for value in (*graph.value_info, *graph.input, *graph.output):
        shapes[value.name] = [length.dim_value for length in value.type.tensor_type.shape.dim]
    return shapes
