"""The OpenAPI 3.1 document of the table (spec.openapis.org/oas/v3.1.1), and a plain page made from the same rows."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from html import escape
from typing import Any

import msgspec

from mlwright import __version__
from mlwright.api.endpoint import PREFIX, Endpoint
from mlwright.api.wire import Fault

_REF = "#/components/schemas/{name}"
#: Databases keep no NUL, so no text that is sent may hold one.
_NO_NUL = "^[^\\u0000]*$"
_ANY_JSON = {
    "description": "Any JSON whose texts hold no character NUL.",
    "anyOf": [
        {"type": ["null", "boolean", "number"]},
        {"type": "string", "pattern": _NO_NUL},
        {"type": "array", "items": {"$ref": "#/components/schemas/Json"}},
        {
            "type": "object",
            "propertyNames": {"pattern": _NO_NUL},
            "additionalProperties": {"$ref": "#/components/schemas/Json"},
        },
    ],
}


def document(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """Return the OpenAPI document of some endpoints.

    Args:
        endpoints: Rows of the table.
    """
    types = [Fault, *(endpoint.output for endpoint in endpoints), *(endpoint.input for endpoint in endpoints)]
    refs, components = msgspec.json.schema_components(types, ref_template=_REF)
    outputs = refs[1 : len(endpoints) + 1]
    paths: dict[str, dict[str, Any]] = {}
    used: set[str] = set()
    for endpoint, output in zip(endpoints, outputs, strict=True):
        schema = _sent(components[endpoint.input.__name__])
        paths.setdefault(f"{PREFIX}{endpoint.path}", {})[endpoint.method.lower()] = {
            "operationId": endpoint.name,
            "summary": endpoint.summary,
            "tags": [endpoint.noun],
            "x-scope": endpoint.scope,
            **({"x-audit": endpoint.audit} if endpoint.audit else {}),
            **_request(endpoint, schema),
            "responses": {
                "200": {"description": "The answer.", "content": _json(output)},
                "default": {"description": "What failed, why, and how to mend it.", "content": _json(refs[0])},
            },
        }
        used.add(endpoint.input.__name__)
    paths.setdefault(f"{PREFIX}/blobs/{{digest}}", {})["put"] = _upload(refs[0])
    for name in _named_in([path for methods in paths.values() for path in methods.values()], components):
        components[name] = _sent(components[name])
    schemas = {name: value for name, value in components.items() if name not in used}
    return {
        "openapi": "3.1.0",
        "info": {"title": "mlwright", "version": __version__, "license": {"name": "Apache-2.0"}},
        "paths": paths,
        "components": {"schemas": {**schemas, "Json": _ANY_JSON}},
    }


def page(endpoints: Sequence[Endpoint]) -> str:
    """Return the documentation as one HTML page without script."""
    rows = "".join(_section(endpoint) for endpoint in endpoints)
    links = "".join(f'<a href="#{escape(endpoint.name)}">{escape(endpoint.name)}</a> ' for endpoint in endpoints)
    return _PAGE.format(version=escape(__version__), links=links, rows=rows)


def _request(endpoint: Endpoint, schema: dict[str, Any]) -> dict[str, Any]:
    """Split the input's fields into path, query and body, as `Endpoint` says they travel."""
    properties, required = schema["properties"], set(schema["required"])
    texts = _field_texts(endpoint.input)

    def described(name: str) -> dict[str, Any]:
        return {"description": texts[name]} if name in texts else {}

    parameters = [
        {"name": name, "in": "path", "required": True, "schema": properties[name], **described(name)}
        for name in endpoint.path_fields
    ]
    rest = [name for name in properties if name not in endpoint.path_fields]
    if endpoint.method == "GET":
        parameters += [
            {"name": name, "in": "query", "required": name in required, "schema": properties[name], **described(name)}
            for name in rest
        ]
        return {"parameters": parameters}
    body = {
        "type": "object",
        "properties": {name: {**properties[name], **described(name)} for name in rest},
        "required": [name for name in rest if name in required],
        "additionalProperties": False,
    }
    return {"parameters": parameters, "requestBody": {"required": True, "content": _json(body)}}


def _upload(fault: Any) -> dict[str, Any]:
    """Describe the one path that takes bytes instead of fields; `mlwright.server.blobs` answers it."""
    digest = {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"}
    return {
        "operationId": "blobs.put",
        "summary": "Keep an artifact under its digest.",
        "tags": ["blobs"],
        "x-scope": "write",
        "parameters": [{"name": "digest", "in": "path", "required": True, "schema": digest}],
        "requestBody": {"required": True, "content": {"application/octet-stream": {"schema": {}}}},
        "responses": {
            "204": {"description": "It is kept."},
            "default": {"description": "What failed, why, and how to mend it.", "content": _json(fault)},
        },
    }


def _sent(schema: Any) -> Any:
    """Return the schema of something that is sent, with what holds for every text: no character NUL."""
    if not isinstance(schema, dict):
        return schema
    if not schema:
        return {"$ref": _REF.format(name="Json")}
    found = {**_what_is_left_open(schema), **schema}
    for key in ("properties", "$defs"):
        if key in found:
            found[key] = {name: _sent(inner) for name, inner in found[key].items()}
    for key in ("items", "additionalProperties"):
        if key in found:
            found[key] = _sent(found[key])
    if isinstance(found.get("additionalProperties"), dict):
        found["propertyNames"] = _sent(found.get("propertyNames", {"type": "string"}))
    if "anyOf" in found:
        found["anyOf"] = [_sent(inner) for inner in found["anyOf"]]
    return found


def _what_is_left_open(schema: dict[str, Any]) -> dict[str, Any]:
    """Return what a schema of texts, of any object or of any array doesn't say."""
    kind, said = schema.get("type"), schema.keys()
    if kind == "string" and not said & {"pattern", "format", "enum", "const", "contentEncoding"}:
        return {"pattern": _NO_NUL}
    if kind == "object" and not said & {"properties", "additionalProperties"}:
        return {"additionalProperties": {}}
    return {"items": {}} if kind == "array" and "items" not in said else {}


def _named_in(operations: Sequence[dict[str, Any]], components: dict[str, Any]) -> list[str]:
    """Name the components that requests are made of."""
    left = [operation.get(part) for operation in operations for part in ("parameters", "requestBody")]
    names: list[str] = []
    while left:
        value = left.pop()
        if isinstance(value, list):
            left += value
        elif isinstance(value, dict):
            name = str(value.get("$ref", "")).rpartition("/")[2]
            if name in components and name not in names:
                names.append(name)
                left.append(components[name])
            left += value.values()
    return names


def _json(schema: Any) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _field_texts(struct: type[msgspec.Struct]) -> dict[str, str]:
    """Read what the `Attributes:` of a Struct and of its bases say of each field."""
    texts: dict[str, str] = {}
    for base in reversed(struct.__mro__):
        name = ""
        for line in inspect.cleandoc(base.__doc__ or "").partition("Attributes:\n")[2].splitlines():
            if line.startswith("    ") and not line.startswith("     "):
                name, _, text = line.strip().partition(": ")
                texts[name] = text
            elif name and line.strip():
                texts[name] += " " + line.strip()
    return texts


def _section(endpoint: Endpoint) -> str:
    texts = _field_texts(endpoint.input)
    fields = "".join(
        f"<tr><td><code>{escape(field.name)}</code></td><td>{'required' if field.required else ''}</td>"
        f"<td>{escape(texts.get(field.name, ''))}</td></tr>"
        for field in msgspec.structs.fields(endpoint.input)
    )
    table = f"<table>{fields}</table>" if fields else "<p>Takes no fields.</p>"
    return (
        f'<section id="{escape(endpoint.name)}"><h2>{escape(endpoint.name)}</h2>'
        f"<p><code>{endpoint.method} {escape(PREFIX + endpoint.path)}</code></p>"
        f"<p>{escape(endpoint.summary)}</p>{table}</section>"
    )


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>mlwright API</title><link rel="stylesheet" href="../static/page.css"></head>
<body><header><h1>mlwright API <small>{version}</small></h1><a href="../">Overview</a></header><main class="docs">
<p>Each call answers with JSON. An error is <code>{{"code", "what", "why", "fix", "context"}}</code>.
The whole contract: <a href="v1/openapi.json">OpenAPI document</a>.</p>
<nav>{links}</nav>{rows}</main></body></html>
"""
