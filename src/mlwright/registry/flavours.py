"""Model files: an estimator and its recipe (`model.json`), as one tree of the artifact store, and the way back.

The recipe is a part of the files, so the version's digest covers all that decides an answer.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from mlwright.artifacts import codecs
from mlwright.artifacts.trees import Entry, Manifest, read_manifest
from mlwright.core import adapters
from mlwright.core.digest import canonical_json
from mlwright.errors import (
    IntegrityError,
    InvalidDefinition,
    InvalidUsage,
    MissingExtra,
    PermissionDenied,
    TypeMismatch,
    missing_extra,
)
from mlwright.registry import mlflow_models
from mlwright.registry.values import ModelVersion
from mlwright.registry.versions import get_version

if TYPE_CHECKING:
    from mlwright.artifacts.port import ArtifactStore
    from mlwright.project import Project
    from mlwright.registry.port import Flavour
    from mlwright.registry.predictor import Predictor, Recipe

_ESTIMATOR = "estimator"
_RECIPE = "model.json"
#: Codec of a function that is kept by its name alone.
REFERENCE = "reference"


class Packed(msgspec.Struct, frozen=True, kw_only=True):
    """A model's stored files.

    Attributes:
        digest: The tree.
        size_bytes: Size of all files.
        codec: What loads the estimator.
        unsafe: True when loading it runs arbitrary code.
    """

    digest: str
    size_bytes: int
    codec: str
    unsafe: bool


def library_of(model: Any) -> Flavour | None:
    """Return the library that a model is of, None for scikit-learn's and plain objects."""
    for spec in adapters.specs():
        # A model's library is loaded wherever the model is; asking this way imports nothing.
        if spec.port == "flavour" and any(package in sys.modules for package in spec.packages):
            library: Flavour = adapters.load("flavour", spec.name)()
            if library.accepts(model):
                return library
    return None


def library_named(flavour: str) -> Flavour | None:
    """Return the library of a flavour, None for `sklearn` and `python`."""
    if flavour in ("sklearn", "python"):
        return None
    library: Flavour = adapters.load("flavour", flavour)()
    return library


def flavour_of(model: Any) -> str:
    """Return the name of a model's library, `sklearn` for a scikit-learn estimator, `python` for what can predict.

    Raises:
        InvalidUsage: The object has no `predict` and can't be called.
    """
    library = library_of(model)
    if library is not None:
        return library.name
    base = sys.modules.get("sklearn.base")
    if base is not None and isinstance(model, base.BaseEstimator):
        return "sklearn"
    if isinstance(model, str) or callable(getattr(model, "predict", model)):
        return "python"
    raise InvalidUsage(
        f"a {type(model).__name__} is no model.", fix="give an estimator, or an object with predict(columns)"
    )


def save_estimator(store: ArtifactStore, model: Any, *, allow_pickle: bool) -> codecs.Saved:
    """Store an estimator without pickle where that is possible, and with it only on the user's consent.

    Raises:
        TypeMismatch: It needs pickle and `allow_pickle` is False.
        PermissionDenied: Its library's format runs code when it is loaded, and `allow_pickle` is False.
    """
    library = library_of(model)
    if library is not None:
        return _save_with(library, store, model, allow_pickle=allow_pickle)
    if isinstance(model, str):
        blob = store.put(model.encode())
        return codecs.Saved(digest=blob.digest, codec=REFERENCE, type="function", size_bytes=blob.size_bytes)
    try:
        return codecs.save(store, model, allow_pickle=allow_pickle)
    except TypeMismatch:
        if not allow_pickle:
            raise
        return codecs.save(store, model, codec="pickle", allow_pickle=True)


def _save_with(library: Flavour, store: ArtifactStore, model: Any, *, allow_pickle: bool) -> codecs.Saved:
    if library.unsafe and not allow_pickle:
        raise PermissionDenied(
            f"a {library.name} model is not stored unless you wish it.",
            why="whoever loads it runs whatever code it holds",
            fix="allow_pickle=True, or convert it to ONNX",
        )
    with tempfile.TemporaryDirectory(prefix="mlwright-") as folder:
        path = Path(folder) / _ESTIMATOR
        library.save(model, path)
        blob = store.put(path)
    type_ = f"{type(model).__module__}.{type(model).__qualname__}"
    return codecs.Saved(
        digest=blob.digest, codec=library.name, type=type_, size_bytes=blob.size_bytes, unsafe=library.unsafe
    )


def function_named(reference: str) -> Any:
    """Return the function that a reference `module:function` names.

    Raises:
        InvalidDefinition: There is none.
    """
    module, _, name = reference.partition(":")
    try:
        function = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise InvalidDefinition(
            f"there is no function '{reference}' here.", why=str(error), fix="write it as module:function"
        ) from error
    if not callable(function) and not hasattr(function, "predict"):
        raise InvalidDefinition(f"'{reference}' is neither a function nor has it predict(columns).")
    return function


def pack(store: ArtifactStore, saved: codecs.Saved, recipe: Recipe) -> Packed:
    """Store a model's files: its saved estimator and the recipe."""
    told = store.put(canonical_json(recipe))
    files = [
        Entry(path=_ESTIMATOR, digest=saved.digest, size_bytes=saved.size_bytes),
        Entry(path=_RECIPE, digest=told.digest, size_bytes=told.size_bytes),
    ]
    manifest = Manifest(files=files)
    digest = store.put(canonical_json(manifest)).digest
    return Packed(digest=digest, size_bytes=manifest.size_bytes, codec=saved.codec, unsafe=saved.unsafe)


def load_predictor(project: Project, version: ModelVersion, *, allow_pickle: bool = False) -> Predictor:
    """Load a version, its files verified, ready to answer.

    Args:
        project: Where it is registered.
        version: Which version.
        allow_pickle: Consent to run the code that an unsafe version holds.

    Raises:
        IntegrityError: A file no longer matches its digest.
        PermissionDenied: The version is unsafe and there is no consent.
        MissingExtra: A package that it needs isn't installed.
    """
    try:
        from mlwright.registry.predictor import Predictor, Recipe
    except ModuleNotFoundError:
        raise missing_extra("numpy", "ml", needed_for="loading a model") from None

    if version.unsafe and not allow_pickle:
        raise PermissionDenied(
            f"model version {version.ref} is not loaded: it is stored with pickle.",
            why="whoever loads it runs whatever code it holds",
            fix="allow_pickle=True, if you trust whoever registered it",
            version=version.ref,
        )
    files = {entry.path: entry.digest for entry in read_manifest(project.store, version.digest).files}
    if version.flavour in (mlflow_models.MLFLOW, mlflow_models.EXTERNAL):
        return _load_mlflow(project.store, version, files, allow_pickle=allow_pickle)
    if files.keys() != {_ESTIMATOR, _RECIPE}:
        raise IntegrityError(f"the files of model version {version.ref} are not those of a model: {sorted(files)}.")
    recipe = msgspec.json.decode(project.store.read(files[_RECIPE]), type=Recipe)
    estimator = _load(project.store, files[_ESTIMATOR], recipe, allow_pickle=allow_pickle)
    return Predictor(_without_names(estimator), recipe, name=version.ref)


def _load_mlflow(
    store: ArtifactStore, version: ModelVersion, files: dict[str, str], *, allow_pickle: bool
) -> Predictor:
    """Load a version that MLflow's client registered."""
    from mlwright.registry.predictor import Predictor

    digest, recipe = mlflow_models.recipe_of(store, version, files)
    estimator = _load(store, digest, recipe, allow_pickle=allow_pickle)
    library = library_named(recipe.flavour)
    output = mlflow_models.output_of(estimator) if library is None else library.output(estimator)
    recipe = msgspec.structs.replace(recipe, output=output)
    return Predictor(_without_names(estimator), recipe, name=version.ref)


def load_model(ref: str, *, project: Project | None = None, allow_pickle: bool = False) -> Predictor:
    """Load the version that a reference names, for example `churn@prod`.

    Args:
        ref: `name/3`, `name@prod`, `name@latest` or `name`.
        project: Where it is registered; the current one by default.
        allow_pickle: Consent to run the code that an unsafe version holds.

    Raises:
        NotFound: The model, version or alias doesn't exist.
    """
    from mlwright.registry.context import project_of

    project = project_of(project)
    return load_predictor(project, get_version(project, ref), allow_pickle=allow_pickle)


def load_profile(project: Project, version: ModelVersion) -> Any:
    """Return the reference profile that was registered with a version, as plain JSON data; None when there is none."""
    if version.profile_digest is None:
        return None
    return msgspec.json.decode(project.store.read(version.profile_digest))


def _load(store: ArtifactStore, digest: str, recipe: Recipe, *, allow_pickle: bool) -> Any:
    if recipe.codec == REFERENCE:
        return function_named(store.read(digest).decode())
    library = library_named(recipe.flavour)
    if library is None:
        return codecs.load(store, digest, recipe.codec, allow_pickle=allow_pickle)
    if library.unsafe and not allow_pickle:
        raise PermissionDenied(
            f"the {recipe.flavour} model {digest} is not loaded.", why="loading it runs whatever code it holds"
        )
    try:
        return library.load(store.path(digest))
    except ImportError as error:
        raise MissingExtra(
            f"loading the model needs the package '{error.name}', which is not installed.",
            fix=adapters.installation(adapters.find("flavour", recipe.flavour)),
        ) from error


def _without_names(estimator: Any) -> Any:
    """Forget the column names of a data frame it was fitted on: it gets matrices, and would warn at each of them."""
    if hasattr(estimator, "__dict__"):
        vars(estimator).pop("feature_names_in_", None)
    for _, part in getattr(estimator, "steps", []):
        _without_names(part)
    return estimator
