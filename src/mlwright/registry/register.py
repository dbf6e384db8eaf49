"""Registering a model: its files, what it takes and gives, how it did and where it came from, in one call."""

from __future__ import annotations

import math
import platform
from collections.abc import Mapping
from datetime import datetime
from importlib.metadata import version as installed
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import msgspec

from mlwright.core.clock import as_utc
from mlwright.core.digest import canonical_json, is_digest
from mlwright.core.environment import versions_of
from mlwright.errors import InvalidDefinition, InvalidUsage, did_you_mean, missing_extra
from mlwright.ledger import artifacts
from mlwright.ledger import registry as rows
from mlwright.registry import context, flavours
from mlwright.registry.frames import columns_of
from mlwright.registry.signatures import example_of, infer_columns
from mlwright.registry.values import (
    Column,
    ModelVersion,
    Output,
    Signature,
    Unknown,
    check_columns,
    check_model_name,
    version_of,
)

if TYPE_CHECKING:
    from mlwright.project import Project
    from mlwright.registry.gates import Evaluation
    from mlwright.registry.predictor import Recipe


class About(TypedDict, total=False):
    """What may be told of a model beside its name.

    Attributes:
        columns: Input columns in the order of training; inferred from the example or the estimator by default.
        categories: For text columns, their categories; a value is handed on as its place in this list.
        unknown: What a category that was never seen becomes: `missing` (the default) or an `error`.
        output: `probability` of the second class (the default of classifiers), or the predicted `value`.
        example: A few rows of input: columns by name, or a frame (Arrow, pandas, polars) or matrix of them; kept with
            the version, and answered once to see that the model can.
        metrics: Measured at training time.
        reference: The reference profile for monitors: anything JSON-able, for example that of `mlwright.monitoring`.
        evaluation: Labelled rows that it was not trained on; gates judge it on them while nothing serves yet.
        trained_until: No outcome of later was used in training; gates compare on rows from here on.
        inputs: Name to digest of what it was trained on.
        description: A sentence for people.
    """

    columns: list[Column]
    categories: Mapping[str, list[str]]
    unknown: Unknown
    output: Output
    example: Any
    metrics: Mapping[str, float]
    reference: Any
    evaluation: Evaluation
    trained_until: datetime
    inputs: Mapping[str, str]
    description: str


def register_model(
    name: str,
    model: Any,
    *,
    project: Project | None = None,
    idempotency_key: str | None = None,
    allow_pickle: bool = False,
    **about: Unpack[About],
) -> ModelVersion:
    """Register a fitted model as the next version of its name.

    In a pipeline's step, run and step are kept as lineage and a step that is retried registers once.

    Args:
        name: Name of the model; it is created with its first version.
        model: A model of scikit-learn, LightGBM, XGBoost, ONNX or PyTorch; any object with `predict(columns)`; or the
            name of a function, `module:function`, which takes the columns.
        project: Where to; the current project by default.
        idempotency_key: The same key again gives the version of the first time.
        allow_pickle: Consent to pickle a model that no safe format can hold; the version is marked unsafe.
        about: Signature, metrics and whatever else is told of it; see `About`.

    Raises:
        TypeMismatch: Only pickle could store it, and there is no consent.
        InvalidDefinition: The name, columns or categories don't fit, or the model can't answer its own example.
    """
    unknown = [key for key in about if key not in About.__annotations__]
    if unknown:
        known = list(About.__annotations__)
        raise InvalidUsage(f"register_model knows no '{unknown[0]}'.", fix=did_you_mean(unknown[0], known))
    check_model_name(name)
    project = context.project_of(project)
    key = idempotency_key or context.key_of_step("register", name)
    if key is not None:
        with project.ledger.read() as connection:
            found = rows.find_version_by_key(connection, key)
        if found is not None:
            return version_of(found)
    draft, kept = _draft(project, name, model, about, allow_pickle=allow_pickle)
    return _write(project, msgspec.structs.replace(draft, idempotency_key=key), kept)


class _Kept(msgspec.Struct, frozen=True):
    """An artifact that the version refers to, as the ledger notes it."""

    digest: str
    kind: str
    size_bytes: int


def _draft(
    project: Project, name: str, model: Any, about: About, *, allow_pickle: bool
) -> tuple[rows.VersionRow, list[_Kept]]:
    """Store the files and return the row, its number still open, with the artifacts it refers to."""
    signature, recipe = _describe(model, about)
    answering = flavours.function_named(model) if isinstance(model, str) else model
    saved = flavours.save_estimator(project.store, model, allow_pickle=allow_pickle)
    recipe = msgspec.structs.replace(recipe, codec=saved.codec)
    if signature.example is not None:
        _answer_example(answering, recipe, name, signature.example)
    packed = flavours.pack(project.store, saved, recipe)
    kept = [_Kept(packed.digest, "tree", packed.size_bytes)]
    profile = _put_json(project, "reference", about.get("reference"), kept)
    row = rows.VersionRow(
        model=name,
        version=0,
        digest=packed.digest,
        flavour=recipe.flavour,
        codec=packed.codec,
        unsafe=packed.unsafe,
        signature=msgspec.to_builtins(signature),
        metrics=_metrics(about.get("metrics", {})),
        profile_digest=profile,
        lineage=_lineage(about, _put_evaluation(project, about, kept), recipe.flavour),
        description=about.get("description", ""),
        run_id=context.run_and_step()[0],
        idempotency_key=None,
        actor=project.actor,
        created_at=project.clock.now(),
    )
    return row, kept


def _write(project: Project, draft: rows.VersionRow, kept: list[_Kept]) -> ModelVersion:
    with project.ledger.write(project.actor) as tx:
        created = rows.claim_model(tx, draft.model)
        if draft.idempotency_key is not None:
            # Another attempt of the same step may have been faster.
            found = rows.find_version_by_key(tx.connection, draft.idempotency_key)
            if found is not None:
                return version_of(found)
        number = rows.next_version(tx.connection, draft.model)
        row = msgspec.structs.replace(draft, version=number, created_at=tx.now)
        for artifact in kept:
            artifacts.record(tx, artifact.digest, artifact.kind, artifact.size_bytes)
        rows.add_version(tx, row)
        version = version_of(row)
        if created:
            tx.emit("model.created", f"model/{row.model}", model=row.model)
        facts = {"digest": row.digest, "unsafe": row.unsafe, "run_id": row.run_id, "metrics": row.metrics}
        tx.emit("model-version.registered", version.subject, model=row.model, version=number, **facts)
        return version


def _describe(model: Any, about: About) -> tuple[Signature, Recipe]:
    try:
        from mlwright.registry.predictor import Recipe
    except ModuleNotFoundError:
        raise missing_extra("numpy", "ml", needed_for="registering a model") from None

    flavour = flavours.flavour_of(model)
    library = flavours.library_named(flavour)
    frame = about.get("example")
    given = None if frame is None else columns_of(frame, about.get("columns", ()))
    if library is not None and not given and not about.get("columns"):
        about = {**about, "columns": [Column(name, "FP64") for name in library.inputs(model)]}
    columns = check_columns(list(about.get("columns") or infer_columns(model, given)))
    categories = {column: list(known) for column, known in about.get("categories", {}).items()}
    _check_categories(columns, categories)
    example = None if given is None else example_of(columns, given)
    output = about.get("output") or (_output_of(model) if library is None else library.output(model))
    recipe = Recipe(
        flavour=flavour,
        codec="",
        columns=columns,
        categories=categories,
        unknown=about.get("unknown", "missing"),
        output=output,
    )
    return Signature(inputs=columns, outputs=[Column(output, "FP64")], example=example), recipe


def _output_of(model: Any) -> Output:
    classes = getattr(model, "classes_", None)
    two = hasattr(model, "predict_proba") and classes is not None and len(classes) == 2
    return "probability" if two else "value"


def _check_categories(columns: list[Column], categories: dict[str, list[str]]) -> None:
    text = [column.name for column in columns if column.datatype == "BYTES"]
    for name, known in categories.items():
        if name not in text:
            raise InvalidDefinition(
                f"categories are given for '{name}', which is no text column.", fix=did_you_mean(name, text)
            )
        if len(set(known)) != len(known) or not all(isinstance(category, str) for category in known):
            raise InvalidDefinition(f"the categories of '{name}' are not texts that differ from each other.")


def _answer_example(model: Any, recipe: Recipe, name: str, example: dict[str, list[Any]]) -> None:
    from mlwright.registry.predictor import Predictor
    from mlwright.registry.signatures import arrays_of

    try:
        Predictor(model, recipe, name=name).predict(arrays_of(recipe.columns, example))
    except Exception as error:  # boundary: the user's model
        raise InvalidDefinition(
            f"the model '{name}' can't answer its own example.",
            why=f"{type(error).__name__}: {error}",
            fix="check that columns, categories and output are those it was trained with",
        ) from error


def _metrics(given: Mapping[str, float]) -> dict[str, float | None]:
    metrics: dict[str, float | None] = {}
    for name, value in given.items():
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise InvalidDefinition(f"the metric '{name}' is {value!r}, which is no number.") from None
        metrics[name] = number if math.isfinite(number) else None
    return metrics


def _lineage(about: About, evaluation: str | None, flavour: str) -> dict[str, Any]:
    inputs = dict(about.get("inputs", {}))
    for name, digest in inputs.items():
        if not is_digest(digest):
            raise InvalidDefinition(f"the input '{name}' of the model is '{digest}', which is no digest.")
    run_id, step = context.run_and_step()
    until = about.get("trained_until")
    return {
        "run_id": run_id,
        "step": step,
        "inputs": inputs,
        "evaluation": evaluation,
        "trained_until": as_utc(until).isoformat() if until else None,
        "packages": _lock(flavour),
    }


def _put_evaluation(project: Project, about: About, kept: list[_Kept]) -> str | None:
    evaluation = about.get("evaluation")
    if evaluation is None:
        return None
    from mlwright.registry.evaluations import save_evaluation

    saved = save_evaluation(project.store, evaluation)
    kept.append(_Kept(saved.digest, "blob", saved.size_bytes))
    return saved.digest


def _put_json(project: Project, what: str, value: Any, kept: list[_Kept]) -> str | None:
    if value is None:
        return None
    try:
        data = value if isinstance(value, bytes) else canonical_json(value)
        msgspec.json.decode(data)
    except (TypeError, msgspec.MsgspecError) as error:
        raise InvalidDefinition(f"the model's {what} is not JSON-able.", why=str(error)) from error
    blob = project.store.put(data)
    kept.append(_Kept(blob.digest, "blob", blob.size_bytes))
    return blob.digest


def _lock(flavour: str) -> dict[str, str]:
    """Return the versions of Python and of all packages that decide how a model of this flavour answers."""
    library = flavours.library_named(flavour)
    packages = library.packages if library is not None else ("numpy", "sklearn", "skops")
    locked = {name: version for name, version in versions_of(frozenset(packages)).items() if version}
    return {"python": platform.python_version(), "mlwright": installed("mlwright"), **locked}
