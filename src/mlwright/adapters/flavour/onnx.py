"""ONNX: a graph that takes one matrix, or one column at each input, answered by ONNX Runtime on one core."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from mlwright.errors import InvalidDefinition, Unsupported
from mlwright.registry.port import several_outputs
from mlwright.registry.values import Output

_TYPES = {"tensor(float)": "float32", "tensor(double)": "float64", "tensor(int64)": "int64", "tensor(int32)": "int32"}


class OnnxFlavour:
    """Keeps the graph with its weights in one file."""

    name: ClassVar[str] = "onnx"
    packages: ClassVar[tuple[str, ...]] = ("onnxruntime", "numpy")
    unsafe: ClassVar[bool] = False

    def accepts(self, model: Any) -> bool:
        """Tell whether it is a graph (`onnx.ModelProto`)."""
        # Where only the runtime is loaded, nothing can be a graph of the package `onnx`.
        onnx = sys.modules.get("onnx")
        return onnx is not None and isinstance(model, onnx.ModelProto)

    def inputs(self, model: Any) -> list[str]:
        """Return the names of its inputs; of the columns of its matrix, `x0`, `x1`, ..."""
        weights = {weight.name for weight in model.graph.initializer}
        given = [value for value in model.graph.input if value.name not in weights]
        if len(given) > 1:
            return [str(value.name) for value in given]
        shape = given[0].type.tensor_type.shape.dim if given else []
        if len(shape) != 2 or not shape[1].dim_value:
            raise InvalidDefinition(
                "the width of the graph's matrix isn't known.", fix="give columns=[Column(name, datatype), ...]"
            )
        return [f"x{place}" for place in range(shape[1].dim_value)]

    def output(self, model: Any) -> Output:
        """Return `probability` for a classifier: a graph that gives a label and probabilities, or two columns."""
        outputs = list(model.graph.output)
        kinds = [value.type.WhichOneof("value") for value in outputs]
        if kinds and kinds[-1] == "sequence_type":
            raise Unsupported(
                "the graph gives a list of dictionaries.", fix="convert it with options={'zipmap': False}"
            )
        shape = outputs[-1].type.tensor_type.shape.dim
        width = shape[1].dim_value if len(shape) == 2 else 1
        if width > 2:
            raise Unsupported("the model can't be registered.", why=several_outputs("ONNX"))
        return "probability" if len(outputs) == 2 or width == 2 else "value"

    def save(self, model: Any, path: Path) -> None:
        """Write the graph.

        Raises:
            InvalidDefinition: Its weights are in other files: the digest of the graph wouldn't cover them.
        """
        if any(weight.data_location == weight.EXTERNAL for weight in model.graph.initializer):
            raise InvalidDefinition(
                "the graph keeps its weights in other files.",
                fix="load them into it: onnx.load(path) does",
            )
        path.write_bytes(model.SerializeToString(deterministic=True))

    def load(self, path: Path) -> Any:
        """Return a session of ONNX Runtime."""
        return _session(path.read_bytes())

    def answerer(self, model: Any, output: Output) -> Callable[[Any], Any]:
        """Return its last output: the probability of the second class, or the value."""
        session = model if hasattr(model, "run") else _session(model.SerializeToString())
        given = session.get_inputs()
        wanted = [session.get_outputs()[-1].name]
        types = [_TYPES.get(value.type, "float32") for value in given]

        def answer(matrix: Any) -> Any:
            if len(given) == 1:
                feed = {given[0].name: matrix.astype(types[0])}
            else:
                columns = zip(given, types, range(len(given)), strict=True)
                feed = {value.name: _shaped(matrix[:, place].astype(kind), value) for value, kind, place in columns}
            answered = session.run(wanted, feed)[0]
            return answered[:, -1] if answered.ndim == 2 else answered

        return answer


def _shaped(column: Any, value: Any) -> Any:
    """Return a column in the shape that an input wants: [rows] or [rows, 1]."""
    return column.reshape(-1, 1) if len(value.shape) == 2 else column


def _session(graph: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
