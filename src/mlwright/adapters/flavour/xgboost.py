"""XGBoost: boosters and scikit-learn style models, kept as XGBoost's own UBJSON."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from mlwright.errors import Unsupported
from mlwright.registry.port import several_outputs
from mlwright.registry.values import Output

_BINARY = ("binary:logistic", "reg:logistic")


class XgboostFlavour:
    """Keeps the trees; what scikit-learn's interface adds around them isn't needed to answer."""

    name: ClassVar[str] = "xgboost"
    packages: ClassVar[tuple[str, ...]] = ("xgboost", "numpy")
    unsafe: ClassVar[bool] = False

    def accepts(self, model: Any) -> bool:
        """Tell whether it is a booster or one of XGBoost's estimators."""
        import xgboost

        return isinstance(model, (xgboost.Booster, xgboost.XGBModel))

    def inputs(self, model: Any) -> list[str]:
        """Return the names of its features."""
        booster = _booster(model)
        return [str(name) for name in booster.feature_names or []] or [
            f"x{place}" for place in range(booster.num_features())
        ]

    def output(self, model: Any) -> Output:
        """Return `probability` for a logistic objective."""
        learner = msgspec.json.decode(_booster(model).save_config())["learner"]
        if int(learner["learner_model_param"].get("num_class", "0")) > 1:
            raise Unsupported("the model can't be registered.", why=several_outputs("XGBoost"))
        return "probability" if learner["objective"]["name"] in _BINARY else "value"

    def save(self, model: Any, path: Path) -> None:
        """Write its UBJSON."""
        path.write_bytes(bytes(_booster(model).save_raw("ubj")))

    def load(self, path: Path) -> Any:
        """Read its UBJSON."""
        import xgboost

        booster = xgboost.Booster()
        booster.load_model(bytearray(path.read_bytes()))
        booster.set_param({"nthread": 1})
        return booster

    def answerer(self, model: Any, output: Output) -> Callable[[Any], Any]:
        """Return its prediction; after early stopping, that of the best iteration."""
        booster = _booster(model)
        best = booster.attributes().get("best_iteration")
        until = (0, int(best) + 1) if best is not None else (0, 0)
        return lambda matrix: booster.inplace_predict(matrix, iteration_range=until, validate_features=False)


def _booster(model: Any) -> Any:
    return model.get_booster() if hasattr(model, "get_booster") else model
