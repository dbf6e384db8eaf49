"""PyTorch: programs of `torch.export`, and modules compiled to TorchScript, which PyTorch itself gives up.

Both files hold a program: loading one runs what it holds, so it asks for the same consent as pickle.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from mlwright.errors import InvalidDefinition, Unsupported
from mlwright.registry.port import several_outputs
from mlwright.registry.values import Output

_EXPORT = "torch.export.export(model.eval(), (rows,), dynamic_shapes=({0: torch.export.Dim.DYNAMIC},))"
_PROGRAM = "archive_format"


class TorchFlavour:
    """Keeps an exported program or a compiled module of one input, shape [rows, columns].

    A plain module has to be exported first: it is Python code.
    """

    name: ClassVar[str] = "torch"
    packages: ClassVar[tuple[str, ...]] = ("torch", "numpy")
    unsafe: ClassVar[bool] = True

    def accepts(self, model: Any) -> bool:
        """Tell whether it is a module or an exported program."""
        import torch

        return isinstance(model, torch.nn.Module | torch.export.ExportedProgram)

    def inputs(self, model: Any) -> list[str]:
        """Return a name for each column of an exported program's input.

        Raises:
            InvalidDefinition: It is a module, which doesn't tell what it takes, or a program of another shape.
        """
        if not _is_program(model):
            raise InvalidDefinition(
                "a PyTorch module doesn't tell what it takes.", fix="give example={column: values} or columns=[...]"
            )
        return [f"x{place}" for place in range(_input_of(model).shape[1])]

    def output(self, model: Any) -> Output:
        """Return `value`: whether it gives logits or probabilities can't be seen.

        Raises:
            Unsupported: It gives more than two numbers for a row.
        """
        if _is_program(model):
            found = _nodes(model, "output", model.graph_signature.user_outputs)
            if len(found) != 1 or _width(found[0]) > 2:
                raise Unsupported("the model can't be registered.", why=several_outputs("PyTorch"))
        return "value"

    def save(self, model: Any, path: Path) -> None:
        """Write the program or the compiled module.

        Raises:
            Unsupported: It is neither.
            InvalidDefinition: The program takes something else than rows of columns, as many as there are.
        """
        import torch

        # By way of an open file, because the path would become a part of what is written.
        if _is_program(model):
            _input_of(model)
            with open(path, "wb") as file:
                torch.export.save(model, file)
            return
        if not isinstance(model, torch.jit.ScriptModule):
            raise Unsupported(
                f"a {type(model).__name__} can't be stored without its source.",
                why="a plain module is Python code",
                fix=f"register {_EXPORT}",
            )
        with open(path, "wb") as file:
            torch.jit.save(model, file)

    def load(self, path: Path) -> Any:
        """Read the program or the compiled module."""
        import torch

        with zipfile.ZipFile(path) as archive:
            is_program = any(name.rpartition("/")[2] == _PROGRAM for name in archive.namelist())
        if is_program:
            with open(path, "rb") as file:
                return torch.export.load(file)
        return torch.jit.load(str(path), map_location="cpu").eval()

    def answerer(self, model: Any, output: Output) -> Callable[[Any], Any]:
        """Return its answer to a tensor, without gradients: float32, or what an exported program takes."""
        import torch

        module, dtype = (model.module(), _input_of(model).dtype) if _is_program(model) else (model, torch.float32)

        def answer(matrix: Any) -> Any:
            with torch.inference_mode():
                answered = module(torch.from_numpy(matrix).to(dtype)).float().numpy()
            if answered.ndim == 2 and answered.shape[1] > 2:
                raise Unsupported("the model can't answer.", why=several_outputs("PyTorch"))
            return answered[:, -1] if answered.ndim == 2 else answered

        return answer


def _is_program(model: Any) -> bool:
    import torch

    return isinstance(model, torch.export.ExportedProgram)


def _input_of(program: Any) -> Any:
    """Return what stands for the one input of a program: a tensor without values."""
    given = program.graph_signature.user_inputs
    found = _nodes(program, "placeholder", given)
    if len(given) != 1 or len(found) != 1 or found[0].ndim != 2:
        raise InvalidDefinition(
            "this exported program can't be registered.",
            why=f"it takes {len(given)} inputs, and one of shape [rows, columns] is wanted",
            fix="export a module whose forward takes one tensor of two dimensions",
        )
    if isinstance(found[0].shape[0], int):
        raise InvalidDefinition(
            f"this exported program answers {found[0].shape[0]} rows and no other number of them.",
            fix=f"export it for any number of rows: {_EXPORT}",
        )
    return found[0]


def _nodes(program: Any, kind: str, names: Any) -> list[Any]:
    nodes = program.graph.nodes
    chosen = [node for node in nodes if node.name in names and (kind == "output" or node.op == kind)]
    return [node.meta["val"] for node in chosen if hasattr(node.meta.get("val"), "ndim")]


def _width(tensor: Any) -> int:
    return int(tensor.shape[1]) if tensor.ndim == 2 else 1
