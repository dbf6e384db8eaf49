"""PyTorch: modules compiled to TorchScript.

A TorchScript file is a program: loading one runs what it holds, so it asks for the same consent as pickle.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from mlwright.errors import InvalidDefinition, Unsupported
from mlwright.registry.port import several_outputs
from mlwright.registry.values import Output


class TorchFlavour:
    """Keeps a scripted or traced module; a plain one has to be compiled first."""

    name: ClassVar[str] = "torch"
    packages: ClassVar[tuple[str, ...]] = ("torch", "numpy")
    unsafe: ClassVar[bool] = True

    def accepts(self, model: Any) -> bool:
        """Tell whether it is a module."""
        import torch

        return isinstance(model, torch.nn.Module)

    def inputs(self, model: Any) -> list[str]:
        """Return nothing: a module doesn't tell how many columns it takes.

        Raises:
            InvalidDefinition: Always.
        """
        raise InvalidDefinition(
            "a PyTorch module doesn't tell what it takes.", fix="give example={column: values} or columns=[...]"
        )

    def output(self, model: Any) -> Output:
        """Return `value`: whether it gives logits or probabilities can't be seen."""
        return "value"

    def save(self, model: Any, path: Path) -> None:
        """Write the compiled module.

        Raises:
            Unsupported: It isn't compiled.
        """
        import torch

        if not isinstance(model, torch.jit.ScriptModule):
            raise Unsupported(
                f"a {type(model).__name__} can't be stored without its source.",
                why="a plain module is Python code",
                fix="register torch.jit.script(model.eval()) or torch.jit.trace(model.eval(), example)",
            )
        model.save(str(path))

    def load(self, path: Path) -> Any:
        """Read the compiled module."""
        import torch

        return torch.jit.load(str(path), map_location="cpu").eval()

    def answerer(self, model: Any, output: Output) -> Callable[[Any], Any]:
        """Return its answer to a float32 tensor, without gradients."""
        import torch

        def answer(matrix: Any) -> Any:
            with torch.inference_mode():
                answered = model(torch.from_numpy(matrix.astype("float32"))).numpy()
            if answered.ndim == 2 and answered.shape[1] > 2:
                raise Unsupported("the model can't answer.", why=several_outputs("PyTorch"))
            return answered[:, -1] if answered.ndim == 2 else answered

        return answer
