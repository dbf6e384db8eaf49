"""Which fields a noun has: what filters and sort orders may name, and what MLflow's clients call it."""

from __future__ import annotations

from typing import Literal

import msgspec

#: What a field holds. `any`: a number or a text, as params do. `status`: one of a few words.
Type = Literal["text", "number", "moment", "any", "status"]

#: Parts of a metric, as functions in a filter: `min(metrics.loss)`.
METRIC_PARTS = ("last", "min", "max", "count", "step")


class Attribute(msgspec.Struct, frozen=True):
    """A fixed field.

    Attributes:
        name: Its name.
        type: What it holds.
        also: Other names.
        mlflow: Names under which MLflow's filters know it; empty when they don't.
        mlflow_orders: Names under which MLflow's sort orders know it; those of filters by default.
        lists: Whether MLflow's filters compare it with lists.
    """

    name: str
    type: Type = "text"
    also: tuple[str, ...] = ()
    mlflow: tuple[str, ...] = ()
    mlflow_orders: tuple[str, ...] | None = None
    lists: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """All its names."""
        return tuple(dict.fromkeys((self.name, *self.also, *self.mlflow, *(self.mlflow_orders or ()))))


class Entity(msgspec.Struct, frozen=True):
    """Fields whose names are given by users: `metrics.<key>`.

    Attributes:
        name: What expressions call it.
        words: What may stand before the dot; the first is how it is printed.
        type: What the fields hold.
        keys: The only keys that there are; empty: any.
        mlflow: Words under which MLflow's filters know it.
        nulls: Whether MLflow's filters ask whether it is there.
        lists: Whether MLflow's filters compare it with lists.
    """

    name: str
    words: tuple[str, ...]
    type: Type = "text"
    keys: tuple[str, ...] = ()
    mlflow: tuple[str, ...] = ()
    nulls: bool = False
    lists: bool = False


class FieldTable(msgspec.Struct, frozen=True, dict=True):
    """All fields of a noun.

    Attributes:
        noun: In the plural.
        attributes: The fixed ones.
        entities: The others.
        words: What may stand before the dot of a fixed field.
        mlflow_words: Which of these MLflow's filters know.
        loose_numbers: Whether MLflow's filters may compare a number with a text that spells it.
    """

    noun: str
    attributes: tuple[Attribute, ...]
    entities: tuple[Entity, ...] = ()
    words: tuple[str, ...] = ("attributes", "attribute", "attr", "run")
    mlflow_words: tuple[str, ...] = ("attribute",)
    loose_numbers: bool = False

    def attribute(self, name: str) -> Attribute | None:
        """Return the fixed field of a name, None when there is none."""
        return next((found for found in self.attributes if name in found.names), None)

    def entity(self, word: str) -> Entity | None:
        """Return the entity of a word, None when there is none."""
        return next((found for found in self.entities if word in (found.name, *found.words)), None)

    def known(self) -> list[str]:
        """Return every name that a filter may begin with, for hints."""
        found = [name for attribute in self.attributes for name in attribute.names]
        return [*found, *(f"{entity.words[0]}.{key}" for entity in self.entities for key in entity.keys or ("KEY",))]


_METRICS = Entity("metric", ("metrics", "metric"), "number", mlflow=("metrics", "metric"))
_PARAM_WORDS = ("params", "param", "parameters", "parameter")
_PARAMS = Entity("param", _PARAM_WORDS, "any", mlflow=_PARAM_WORDS, nulls=True)
_TAGS = Entity("tag", ("tags", "tag"), "text", mlflow=("tags", "tag"), nulls=True)

RUNS = FieldTable(
    "runs",
    attributes=(
        Attribute("run_id", also=("id",), mlflow=("run_id",), lists=True),
        Attribute(
            "name",
            also=("run_name",),
            mlflow=("run_name", "run name", "Run name", "Run Name"),
            mlflow_orders=("run_name",),
        ),
        Attribute("status", "status", mlflow=("status",)),
        Attribute("user", also=("by",), mlflow=("user_id",)),
        Attribute("actor"),
        Attribute("started", "moment", mlflow=("start_time", "created", "Created")),
        Attribute("ended", "moment", mlflow=("end_time",)),
        Attribute("duration", "number", also=("took",)),
        Attribute("kind"),
        Attribute("pipeline"),
        Attribute("experiment", also=("experiment_name",)),
        Attribute("experiment_id"),
        Attribute("parent", also=("parent_id",)),
        Attribute("forked_from"),
        Attribute("note", also=("description",)),
        Attribute("code", also=("code_digest",)),
        Attribute("environment", also=("environment_digest",)),
        Attribute("artifact_uri", mlflow=("artifact_uri",)),
    ),
    entities=(
        _METRICS,
        _PARAMS,
        _TAGS,
        Entity(
            "dataset",
            ("datasets", "dataset"),
            keys=("name", "digest", "context"),
            mlflow=("datasets", "dataset"),
            lists=True,
        ),
        Entity("model", ("models", "model"), "any", keys=("name", "version", "alias", "stage", "id")),
    ),
    mlflow_words=("attributes", "attribute", "attr", "run"),
)

EXPERIMENTS = FieldTable(
    "experiments",
    attributes=(
        Attribute("name", mlflow=("name",)),
        Attribute("id"),
        Attribute("experiment_id", "text", also=("number",), mlflow=("experiment_id",), lists=True),
        Attribute("note", also=("description",)),
        Attribute("created", "moment", also=("created_at",), mlflow=("creation_time",)),
        Attribute("changed", "moment", also=("changed_at",), mlflow=("last_update_time",)),
    ),
    entities=(_TAGS,),
)

MODELS = FieldTable(
    "models",
    attributes=(
        Attribute("name", mlflow=("name",), lists=True),
        Attribute("description"),
        Attribute("created", "moment", also=("created_at", "creation_timestamp")),
        Attribute(
            "changed",
            "moment",
            also=("changed_at",),
            mlflow_orders=("timestamp", "last_updated_timestamp"),
        ),
        Attribute("alias"),
    ),
    entities=(msgspec.structs.replace(_TAGS, nulls=False),),
)

VERSIONS = FieldTable(
    "model versions",
    attributes=(
        Attribute("name", also=("model",), mlflow=("name",), lists=True),
        Attribute("version", "number", mlflow=("version_number",)),
        Attribute("run_id", also=("run",), mlflow=("run_id",), mlflow_orders=(), lists=True),
        Attribute("source", mlflow=("source_path",), mlflow_orders=()),
        Attribute("status"),
        Attribute("stage"),
        Attribute("flavour"),
        Attribute("description"),
        Attribute("digest"),
        Attribute("user", also=("by",)),
        Attribute("alias"),
        Attribute("created", "moment", also=("created_at",), mlflow_orders=("creation_timestamp",)),
        Attribute("changed", "moment", also=("changed_at",), mlflow_orders=("last_updated_timestamp",)),
    ),
    entities=(msgspec.structs.replace(_TAGS, nulls=False),),
    words=("attributes", "attribute", "attr"),
    loose_numbers=True,
)

LOGGED_MODELS = FieldTable(
    "logged models",
    attributes=(
        Attribute("name", mlflow=("name",), lists=True),
        Attribute("model_id", also=("id",), mlflow=("model_id",), lists=True),
        Attribute("model_type", mlflow=("model_type",), lists=True),
        Attribute("status", "status", mlflow=("status",), lists=True),
        Attribute("source_run_id", also=("run_id",), mlflow=("source_run_id",), lists=True),
        Attribute("experiment_id", mlflow=("experiment_id",), lists=True),
        Attribute("created", "moment", mlflow=("creation_timestamp", "creation_time", "creation_timestamp_ms")),
        Attribute(
            "changed",
            "moment",
            mlflow=("last_updated_timestamp", "last_updated_time", "last_updated_timestamp_ms"),
        ),
    ),
    entities=(
        msgspec.structs.replace(_METRICS, mlflow=("metrics",)),
        msgspec.structs.replace(_PARAMS, mlflow=("params",), nulls=False, lists=True),
        msgspec.structs.replace(_TAGS, mlflow=("tags",), nulls=False, lists=True),
    ),
    words=("attributes", "attribute", "attr"),
    mlflow_words=("attributes",),
)
