"""Model files: an estimator and its recipe (`model.json`), as one tree of the artifact store, and the way back.

The recipe is a part of the files, so the version's digest covers all that decides an answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from mlwright.artifacts import codecs
from mlwright.artifacts.trees import Entry, Manifest, read_manifest
from mlwright.core.digest import canonical_json
from mlwright.errors import IntegrityError, InvalidUsage, PermissionDenied, TypeMismatch, missing_extra
from mlwright.registry.values import ModelVersion
from mlwright.registry.versions import get_version

if TYPE_CHECKING:
    from mlwright.artifacts.port import ArtifactStore
    from mlwright.project import Project
    from mlwright.registry.predictor import Predictor, Recipe

_ESTIMATOR = "estimator"
_RECIPE = "model.json"


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


def flavour_of(model: Any) -> str:
    """Return `sklearn` for a scikit-learn estimator, `python` for any other object that can predict.

    Raises:
        InvalidUsage: The object has no `predict` and can't be called.
    """
    # A fitted estimator has its library loaded; asking this way imports nothing.
    import sys

    base = sys.modules.get("sklearn.base")
    if base is not None and isinstance(model, base.BaseEstimator):
        return "sklearn"
    if not callable(getattr(model, "predict", model)):
        raise InvalidUsage(
            f"a {type(model).__name__} is no model.", fix="give an estimator, or an object with predict(columns)"
        )
    return "python"


def save_estimator(store: ArtifactStore, model: Any, *, allow_pickle: bool) -> codecs.Saved:
    """Store an estimator without pickle where that is possible, and with it only on the user's consent.

    Raises:
        TypeMismatch: It needs pickle and `allow_pickle` is False.
    """
    try:
        return codecs.save(store, model, allow_pickle=allow_pickle)
    except TypeMismatch:
        if not allow_pickle:
            raise
        return codecs.save(store, model, codec="pickle", allow_pickle=True)


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
    if files.keys() != {_ESTIMATOR, _RECIPE}:
        raise IntegrityError(f"the files of model version {version.ref} are not those of a model: {sorted(files)}.")
    recipe = msgspec.json.decode(project.store.read(files[_RECIPE]), type=Recipe)
    estimator = codecs.load(project.store, files[_ESTIMATOR], recipe.codec, allow_pickle=allow_pickle)
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


def _without_names(estimator: Any) -> Any:
    """Forget the column names of a data frame it was fitted on: it gets matrices, and would warn at each of them."""
    if hasattr(estimator, "__dict__"):
        vars(estimator).pop("feature_names_in_", None)
    for _, part in getattr(estimator, "steps", []):
        _without_names(part)
    return estimator
