"""LightGBM: boosters and scikit-learn style models, kept as LightGBM's own text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from mlwright.errors import Unsupported
from mlwright.registry.port import several_outputs
from mlwright.registry.values import Output

_BINARY = ("binary", "cross_entropy", "xentropy")


class LightgbmFlavour:
    """Keeps the trees; what scikit-learn's interface adds around them isn't needed to answer."""

    name: ClassVar[str] = "lightgbm"
    packages: ClassVar[tuple[str, ...]] = ("lightgbm", "numpy")
    unsafe: ClassVar[bool] = False

    def accepts(self, model: Any) -> bool:
        """Tell whether it is a booster or one of LightGBM's estimators."""
        import lightgbm

        return isinstance(model, (lightgbm.Booster, lightgbm.LGBMModel))

    def inputs(self, model: Any) -> list[str]:
        """Return the names of its features."""
        names = [str(name) for name in _booster(model).feature_name()]
        unnamed = all(name == f"Column_{place}" for place, name in enumerate(names))
        return [f"x{place}" for place in range(len(names))] if unnamed else names

    def output(self, model: Any) -> Output:
        """Return `probability` for a binary objective."""
        booster = _booster(model)
        if booster.num_model_per_iteration() > 1:
            raise Unsupported("the model can't be registered.", why=several_outputs("LightGBM"))
        objective = str(booster.dump_model(num_iteration=1).get("objective", "")).split(" ")[0]
        return "probability" if objective in _BINARY else "value"

    def save(self, model: Any, path: Path) -> None:
        """Write its text; trees after the best iteration are left out."""
        _booster(model).save_model(str(path))

    def load(self, path: Path) -> Any:
        """Read its text."""
        import lightgbm

        return lightgbm.Booster(model_str=path.read_text(encoding="utf-8"))

    def answerer(self, model: Any, output: Output) -> Callable[[Any], Any]:
        """Return its prediction on one thread."""
        booster = _booster(model)
        return lambda matrix: booster.predict(matrix, num_threads=1, validate_features=False)


def _booster(model: Any) -> Any:
    return getattr(model, "booster_", model)
