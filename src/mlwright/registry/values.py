"""The values of the registry: columns, signatures, model versions."""

from __future__ import annotations

import math
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from mlwright.errors import InvalidDefinition, did_you_mean

if TYPE_CHECKING:
    from mlwright.ledger.registry import VersionRow

#: Tensor data types of the Open Inference Protocol and the NumPy types that hold them.
DATATYPES = {
    "BOOL": "bool",
    "UINT8": "uint8",
    "UINT16": "uint16",
    "UINT32": "uint32",
    "UINT64": "uint64",
    "INT8": "int8",
    "INT16": "int16",
    "INT32": "int32",
    "INT64": "int64",
    "FP16": "float16",
    "FP32": "float32",
    "FP64": "float64",
    "BYTES": "object",
}

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_VERSION = re.compile(r"[0-9]{1,18}")
_ALIAS = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,63}")

Unknown = Literal["missing", "error"]
Output = Literal["probability", "value"]


class Column(msgspec.Struct, frozen=True):
    """A named column of a model's input or output: one tensor of shape [rows].

    Attributes:
        name: Its name.
        datatype: Data type of the Open Inference Protocol: `FP64`, `FP32`, `INT64`, `BOOL`, `BYTES` (text), ...
        nullable: Whether a value may be missing. Missing numbers are NaN, missing text is None.
    """

    name: str
    datatype: str
    nullable: bool = False


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """What a model takes and gives.

    Attributes:
        inputs: Columns it needs, in the order in which it was trained.
        outputs: Columns it gives.
        example: A few rows of input by column name, None when none were given.
    """

    inputs: list[Column]
    outputs: list[Column]
    example: dict[str, list[Any]] | None = None


class ModelVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One registered version of a model: what it is, where it came from, how it did.

    Attributes:
        model: Name of the model.
        version: Its number; grows by one.
        digest: Digest of the model's files.
        flavour: How it is loaded: `sklearn` or `python`.
        codec: Codec of the estimator inside.
        unsafe: True when loading it runs arbitrary code (pickle).
        signature: What it takes and gives.
        metrics: Measured at training time.
        profile_digest: The reference profile for monitors, None when there is none.
        lineage: Run, step, code, environment and inputs it came from.
        description: A sentence for people.
        run_id: The run that made it, None when it was registered by hand.
        actor: Who registered it.
        created_at: When.
    """

    model: str
    version: int
    digest: str
    flavour: str
    codec: str
    unsafe: bool
    signature: Signature
    metrics: dict[str, float]
    profile_digest: str | None
    lineage: dict[str, Any]
    description: str
    run_id: str | None
    actor: str
    created_at: datetime

    def __repr__(self) -> str:
        """The version in a few words: a signature may have hundreds of columns."""
        return f"ModelVersion({self.ref!r}, flavour={self.flavour!r}, digest={self.digest[:19]!r})"

    @property
    def ref(self) -> str:
        """The version as people write it, for example `churn/3`."""
        return f"{self.model}/{self.version}"

    @property
    def subject(self) -> str:
        """The version as the subject of events, for example `model/churn/3`."""
        return f"model/{self.model}/{self.version}"


def version_of(row: VersionRow) -> ModelVersion:
    """Return the value of a ledger's row."""
    values = {name: getattr(row, name) for name in ModelVersion.__struct_fields__}
    values["signature"] = msgspec.convert(row.signature, Signature)
    values["metrics"] = {name: math.nan if number is None else number for name, number in row.metrics.items()}
    return ModelVersion(**values)


def is_version(text: str) -> bool:
    """Tell whether a text is the number of a version (of at most 18 digits: no model has more)."""
    return _VERSION.fullmatch(text) is not None


def check_model_name(name: str) -> str:
    """Return the name of a model if it is one that fits into a URL and a reference.

    Raises:
        InvalidDefinition: It isn't.
    """
    if not _NAME.fullmatch(name):
        raise InvalidDefinition(
            f"'{name}' can't be the name of a model.",
            why="a name is 1 to 128 letters, digits, '.', '_' or '-', and begins with a letter or digit",
            fix="choose another name, for example flight-delay",
        )
    return name


def check_alias(alias: str) -> str:
    """Return an alias if it is one that can't be taken for a version number.

    Raises:
        InvalidDefinition: It isn't, or it is `latest`, which always means the newest version.
    """
    if not _ALIAS.fullmatch(alias) or alias == "latest":
        raise InvalidDefinition(
            f"'{alias}' can't be an alias.",
            why="an alias is up to 64 letters, digits, '.', '_' or '-', begins with a letter and isn't 'latest'",
            fix="choose another name, for example prod",
        )
    return alias


def check_columns(columns: list[Column]) -> list[Column]:
    """Return the columns if there are any, each name once, each datatype known.

    Raises:
        InvalidDefinition: Something is wrong with them; the message names the column.
    """
    if not columns:
        raise InvalidDefinition("a model needs at least one input column.", fix="give columns=[Column(name, datatype)]")
    seen: set[str] = set()
    for column in columns:
        if column.datatype not in DATATYPES:
            raise InvalidDefinition(
                f"column '{column.name}' has the unknown datatype '{column.datatype}'.",
                fix=did_you_mean(column.datatype.upper(), list(DATATYPES)),
            )
        if not column.name or column.name in seen:
            raise InvalidDefinition(
                f"column '{column.name}' is there twice." if column.name else "a column has no name.",
                fix="give each column a name of its own",
            )
        seen.add(column.name)
    return columns
