"""Versions that MLflow's clients registered, read as mlwright's own: where their estimator is and what goes in.

A model of scikit-learn or LightGBM whose signature names columns of numbers can answer here without MLflow. The rest is
loaded by MLflow's own client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlwright.errors import Unsupported
from mlwright.registry.mlmodel import read_mlmodel

if TYPE_CHECKING:
    from mlwright.artifacts.port import ArtifactStore
    from mlwright.registry.predictor import Recipe
    from mlwright.registry.values import ModelVersion, Output

#: Flavours of versions whose files aren't in mlwright's own form.
MLFLOW, EXTERNAL = "mlflow", "external"
_MLMODEL = "MLmodel"
#: Flavour in MLmodel, where it names the file, and endings of files with the flavour and codec that read them here.
_READERS = {
    "sklearn": ("pickled_model", {".skops": ("sklearn", "skops"), ".pkl": ("sklearn", "pickle")}),
    "lightgbm": ("data", {".lgb": ("lightgbm", "lightgbm")}),
}


def recipe_of(store: ArtifactStore, version: ModelVersion, files: dict[str, str]) -> tuple[str, Recipe]:
    """Return the digest of a version's estimator and how columns become its input.

    Args:
        store: Where its files are.
        version: Which version.
        files: Path to digest of its files.

    Raises:
        Unsupported: It can only be loaded by MLflow's client.
    """
    from mlwright.registry.predictor import Recipe

    if version.flavour == EXTERNAL or _MLMODEL not in files:
        raise _refused(version, f"its files are not in this project's store, but at {version.lineage.get('source')}")
    about = read_mlmodel(store.read(files[_MLMODEL]).decode("utf-8", "replace"))
    for name, (key, readers) in _READERS.items():
        path = str(about.details.get(name, {}).get(key) or "")
        reader = next((reader for ending, reader in readers.items() if path.endswith(ending)), None)
        if reader is not None and path in files:
            break
    else:
        raise _refused(version, f"it is of the kind {', '.join(about.flavors) or 'unknown'}, in a form of its own")
    columns = version.signature.inputs
    if not columns:
        raise _refused(version, "its signature names no columns")
    if any(column.datatype == "BYTES" for column in columns):
        raise _refused(version, "some of its columns are texts")
    flavour, codec = reader
    recipe = Recipe(flavour=flavour, codec=codec, columns=columns, categories={}, unknown="missing", output=_VALUE)
    return files[path], recipe


def output_of(estimator: Any) -> Output:
    """Return what an estimator of scikit-learn answers: `probability` of the second of two classes, or a `value`."""
    classes = getattr(estimator, "classes_", None)
    two = hasattr(estimator, "predict_proba") and classes is not None and len(classes) == 2
    return "probability" if two else _VALUE


_VALUE: Output = "value"


def _refused(version: ModelVersion, why: str) -> Unsupported:
    return Unsupported(
        f"model version {version.ref} can't be loaded without MLflow.",
        why=why,
        fix=f"mlflow.pyfunc.load_model('models:/{version.ref}')",
    )
