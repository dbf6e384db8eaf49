"""Reading what MLflow's `MLmodel` file says of a model: how it is loaded, what it takes and gives.

The file is YAML as MLflow's clients write it: block mappings and lists of scalars. This reads that much of YAML and no
more; what it can't read it leaves out, because a version without a signature is better than none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from mlwright.registry.values import Column, Signature

#: Files of these endings hold data only; a model with any other may run code when it is loaded.
_DATA_ENDINGS = (
    ".yaml",
    ".yml",
    ".txt",
    ".json",
    ".csv",
    ".lgb",
    ".ubj",
    ".xgb",
    ".cbm",
    ".onnx",
    ".skops",
    ".safetensors",
)
_DATA_NAMES = ("MLmodel", "registered_model_meta")
_DATATYPES = {
    "boolean": "BOOL",
    "integer": "INT32",
    "long": "INT64",
    "float": "FP32",
    "double": "FP64",
    "string": "BYTES",
    "binary": "BYTES",
    "datetime": "BYTES",
}
_TENSORS = {
    "bool": "BOOL",
    "uint8": "UINT8",
    "uint16": "UINT16",
    "uint32": "UINT32",
    "uint64": "UINT64",
    "int8": "INT8",
    "int16": "INT16",
    "int32": "INT32",
    "int64": "INT64",
    "float16": "FP16",
    "float32": "FP32",
    "float64": "FP64",
    "str": "BYTES",
    "object": "BYTES",
}
_KEY = re.compile(r"(?P<key>'[^']*'|\"[^\"]*\"|[^\s'\"#\-][^:]*|-[^\s:][^:]*):(?:\s+(?P<rest>.*))?$")
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "a": "\a", "b": "\b", "e": "\x1b", "f": "\f", "v": "\v"}


class MlModel(msgspec.Struct, frozen=True, kw_only=True):
    """What an `MLmodel` file says.

    Attributes:
        flavors: Names of the ways in which it can be loaded.
        details: What is said of each of them: names of files, formats, versions.
        signature: What it takes and gives; no columns where it says nothing that columns can say.
        run_id: The run that made it.
        model_id: The logged model that it is.
        mlflow_version: The MLflow that wrote it.
    """

    flavors: list[str]
    details: dict[str, dict[str, Any]]
    signature: Signature
    run_id: str = ""
    model_id: str = ""
    mlflow_version: str = ""


def read_mlmodel(text: str) -> MlModel:
    """Return what an `MLmodel` file says; what can't be read is left out."""
    found = _Lines(text).mapping(0)
    flavors, signature = found.get("flavors"), found.get("signature")
    return MlModel(
        flavors=sorted(flavors) if isinstance(flavors, dict) else [],
        details=_details(flavors) if isinstance(flavors, dict) else {},
        signature=_signature(signature) if isinstance(signature, dict) else Signature(inputs=[], outputs=[]),
        **{name: _text(found.get(name)) for name in ("run_id", "model_id", "mlflow_version")},
    )


def is_data_only(paths: Sequence[str]) -> bool:
    """Tell whether all of a model's files hold data, so that loading them runs no code of theirs."""
    return all(path.endswith(_DATA_ENDINGS) or path.rsplit("/", 1)[-1] in _DATA_NAMES for path in paths)


def _details(flavors: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: about if isinstance(about, dict) else {} for name, about in flavors.items()}


def _signature(found: Mapping[str, Any]) -> Signature:
    inputs, outputs = _columns(found.get("inputs")), _columns(found.get("outputs"))
    return Signature(inputs=inputs, outputs=outputs)


def _columns(text: Any) -> list[Column]:
    """Return the columns that one side of a signature has; none when they are no columns."""
    if not isinstance(text, str):
        return []
    try:
        specs = msgspec.json.decode(text, type=list[dict[str, Any]])
    except msgspec.MsgspecError:
        return []
    columns = [_column(spec, f"output_{place}") for place, spec in enumerate(specs)]
    return [column for column in columns if column is not None] if None not in columns else []


def _column(spec: dict[str, Any], name: str) -> Column | None:
    named = str(spec.get("name") or name)
    tensor = spec.get("tensor-spec")
    if isinstance(tensor, dict):
        shape = tensor.get("shape")
        datatype = _TENSORS.get(str(tensor.get("dtype")))
        return Column(named, datatype) if datatype and isinstance(shape, list) and len(shape) == 1 else None
    datatype = _DATATYPES.get(str(spec.get("type")))
    return Column(named, datatype, nullable=spec.get("required") is False) if datatype else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) and value != "null" else ""


class _Lines:
    """A walk over the lines of a file in block style."""

    def __init__(self, text: str) -> None:
        kept = (line.rstrip() for line in text.splitlines())
        self._lines = [line for line in kept if not line.lstrip().startswith("#") and line not in ("---", "...")]
        self._place = 0

    def mapping(self, indent: int) -> dict[str, Any]:
        """Read the keys that stand at an indentation, with what belongs to them."""
        found: dict[str, Any] = {}
        while (line := self._peek()) is not None and _indent(line) >= indent:
            self._place += 1
            match = _KEY.match(line.strip()) if _indent(line) == indent else None
            if match is not None:
                found[match["key"].strip("'\" ")] = self._value(match["rest"] or "", indent)
        return found

    def _value(self, rest: str, indent: int) -> Any:
        if rest[:1] in ("'", '"'):
            return self._quoted(rest)
        if rest:
            return self._plain(rest, indent)
        line = self._peek()
        if line is not None and line.lstrip().startswith("- ") and _indent(line) >= indent:
            return self._list(_indent(line))
        return self.mapping(_indent(line)) if line is not None and _indent(line) > indent else None

    def _list(self, indent: int) -> list[str]:
        found = []
        while (line := self._peek()) is not None and _indent(line) >= indent:
            text = line.strip()
            if _indent(line) == indent and not text.startswith("- "):
                break
            self._place += 1
            found += [text[2:].strip("'\" ")] if text.startswith("- ") else []
        return found

    def _plain(self, rest: str, indent: int) -> str:
        parts = [rest]
        while (line := self._peek()) is not None and _indent(line) > indent:
            parts.append(line.strip())
            self._place += 1
        return " ".join(parts)

    def _quoted(self, rest: str) -> str:
        """Read a text in quotes, which may go on over lines: a line break is a space, an empty line a line break."""
        sign, text = rest[0], rest[1:]
        closed = re.compile(r"(?:[^']|'')*'" if sign == "'" else r'(?:[^"\\]|\\.)*"', re.DOTALL)
        while not (match := closed.match(text)) and self._place < len(self._lines):
            text = f"{text}\n{self._lines[self._place].strip()}"
            self._place += 1
        inner = match.group()[:-1] if match else text
        if sign == '"':
            inner = re.sub(r"\\\n", "", inner)
        folded = re.sub(r"\n+", lambda breaks: "\n" * (len(breaks.group()) - 1) or " ", inner)
        return folded.replace("''", "'") if sign == "'" else _ESCAPE.sub(_unescaped, folded)

    def _peek(self) -> str | None:
        while self._place < len(self._lines) and not self._lines[self._place].strip():
            self._place += 1
        return self._lines[self._place] if self._place < len(self._lines) else None


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _unescaped(match: re.Match[str]) -> str:
    code = match.group(1) or match.group(2) or match.group(3)
    if code is not None:
        number = int(code, 16)
        return chr(number) if number < 0x110000 and not 0xD800 <= number < 0xE000 else ""
    return _ESCAPES.get(match.group(4), match.group(4))
