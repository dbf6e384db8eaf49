"""Write docs/reference/ from what the code itself says; `--check` only compares, for CI.

Python names and errors come from docstrings and signatures, commands from the command line's own help, endpoints from
the one table that server and clients are made from. Nothing is kept twice, so nothing can be out of date.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import inspect
import re
import sys
import types
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "docs" / "reference"
_NOTE = "<!-- Written by scripts/make_reference.py (`make fix`); edit the code, not this page. -->\n"

#: Packages whose `__all__` is public besides the names of `mlwright` itself.
PACKAGES = (
    "mlwright.artifacts.codecs",
    "mlwright.tracking",
    "mlwright.pipelines",
    "mlwright.registry",
    "mlwright.serving",
    "mlwright.delivery",
    "mlwright.monitoring",
    "mlwright.system",
    "mlwright.reports",
    "mlwright.api",
    "mlwright.testing",
)
#: Options that every command takes are told once, in the overview.
_WITHOUT_SHARED = re.compile(r"^\* `--(?:json|server STR|home PATH)`: .*\n", re.MULTILINE)
_SECTIONS = ("Args", "Attributes", "Raises", "Returns", "Yields", "Example", "Examples")


def python_page() -> str:
    """Return the page of Python names: those of `mlwright`, then those of each package."""
    import mlwright

    out = ["# Python\n", _NOTE]
    out.append("## Package `mlwright`\n\nThe names that `import mlwright` gives. Each is loaded when first used.\n")
    out += [_entry(name, getattr(mlwright, name)) for name in sorted(mlwright.__all__) if not name.startswith("__")]
    for package in PACKAGES:
        module = importlib.import_module(package)
        names = [name for name in getattr(module, "__all__", ()) if name not in mlwright.__all__]
        if names:
            out.append(f"## Package `{package}`\n\n{markdown(inspect.getdoc(module) or '')}\n")
            out += [_entry(name, getattr(module, name)) for name in sorted(names)]
    return "\n".join(out)


def _entry(name: str, value: Any) -> str:
    """Return the section of one name: signature, docstring, and a class's public methods."""
    if inspect.ismodule(value):
        return f"### `{name}`\n\n{_first_paragraph(inspect.getdoc(value) or '')} See [errors](errors.md).\n"
    if not callable(value):
        shown = repr(value)
        is_short = len(shown) <= 100 and "<" not in shown
        return f"### `{name}`\n\n{f'A constant: `{shown}`' if is_short else f'A `{type(value).__name__}`'}.\n"
    forms = (not inspect.isclass(value) and typing.get_overloads(value)) or [value]
    signatures = "\n".join(f"{name}{signature(form)}" for form in forms)
    text = markdown(inspect.getdoc(value) or "") + "".join(map(_options, forms))
    out = [f"### `{name}`\n\n```text\n{signatures}\n```\n\n{text}\n"]
    if inspect.isclass(value):
        for method_name, method in _methods(value):
            text = markdown(inspect.getdoc(method) or "")
            shown = "" if isinstance(method, property) else signature(method)
            out.append(f"#### `{name}.{method_name}{shown}`\n\n{text}\n")
    return "\n".join(out)


def _options(value: Any) -> str:
    """Return the list of options of a function that takes them as `**options: Unpack[Options]`, else nothing."""
    found = re.search(r"Unpack\[(\w+)\]", str(getattr(value, "__annotations__", {})))
    options = getattr(value, "__globals__", {}).get(found[1]) if found else None
    sections = dict(_sections(inspect.getdoc(options) or "")) if options is not None else {}
    return "\n\n**Options**\n\n" + "\n".join(_items(sections["Attributes"])) if "Attributes" in sections else ""


def _methods(cls: type) -> Iterator[tuple[str, Any]]:
    for name, member in vars(cls).items():
        function = member.__func__ if isinstance(member, classmethod | staticmethod) else member
        if name.startswith("_") or not (inspect.isfunction(function) or isinstance(function, property)):
            continue
        if inspect.getdoc(function):
            yield name, function


def signature(value: Any) -> str:
    """Return a callable's signature as it would be typed, one parameter a line when it is long."""
    if inspect.isclass(value) and issubclass(value, msgspec.Struct):
        return _broken_if_long(_struct_signature(value))
    try:
        found = inspect.signature(value)
    except (TypeError, ValueError):
        return "(...)"
    parameters = [
        parameter.replace(annotation=_unquoted(parameter.annotation))
        for parameter in found.parameters.values()
        if parameter.name not in ("self", "cls")
    ]
    shown = found.replace(parameters=parameters, return_annotation=_unquoted(found.return_annotation))
    text = str(shown).replace("mlwright.", "")
    # The address of a default (a function, a sentinel) differs from run to run.
    text = re.sub(r"<(?:function|object|class) ?([\w.]*)[^>]*>", r"\1", text)
    return _broken_if_long(text)


def _struct_signature(cls: type[msgspec.Struct]) -> str:
    """Return a Struct's fields as a signature, from the annotations as they were written."""
    written = {
        name: text for base in reversed(cls.__mro__) for name, text in vars(base).get("__annotations__", {}).items()
    }
    defaults = (msgspec.NODEFAULT,) * (
        len(cls.__struct_fields__) - len(cls.__struct_defaults__)
    ) + cls.__struct_defaults__
    fields = []
    for name, default in zip(cls.__struct_fields__, defaults, strict=True):
        if name not in cls.__match_args__ and "*" not in fields:
            fields.append("*")
        type_name = str(_unquoted(written.get(name, "Any"))).replace("mlwright.", "")
        fields.append(f"{name}: {type_name}{_default(default)}")
    return f"({', '.join(fields)})"


def _default(value: Any) -> str:
    if value is msgspec.NODEFAULT:
        return ""
    # What isn't written as a constant is made anew for each instance: an empty list, a nested default.
    constant = isinstance(value, str | int | float | bool | tuple) or value is None
    return f" = {value!r}" if constant else " = ..."


def _broken_if_long(text: str) -> str:
    return text if len(text) <= 100 else _broken(text)


class _Text:
    """Shows as its text, where a plain string would show its quotes."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def _unquoted(annotation: Any) -> Any:
    """Return an annotation that was written as text so that it shows as it was written."""
    if not isinstance(annotation, str):
        return annotation
    is_quoted = len(annotation) > 1 and annotation[0] == annotation[-1] and annotation[0] in "'\""
    return _Text(annotation[1:-1] if is_quoted else annotation)


def _broken(text: str) -> str:
    """Break a long signature at the commas of its own level."""
    out, depth = list[str](), 0
    for character in text:
        depth += character in "([{"
        depth -= character in ")]}"
        if character == ")" and depth == 0 and "\n" in "".join(out):
            out.append(",\n")
        out.append(character)
        if (character == "(" and depth == 1 and len(out) == 1) or (character == "," and depth == 1):
            out.append("\n   ")
    return "".join(out).replace("(\n   ", "(\n    ", 1)


def markdown(docstring: str) -> str:
    """Return a Google docstring as Markdown: its sections become lists, its example a code block."""
    out: list[str] = []
    for section, lines in _sections(docstring):
        if not section:
            out.append("\n".join(lines).strip())
        elif section.startswith("Example"):
            out.append("```text\n" + "\n".join(lines).strip("\n") + "\n```")
        elif section in ("Returns", "Yields"):
            out.append(f"**{section}** " + " ".join(line.strip() for line in lines).strip())
        else:
            out.append(f"**{section}**\n\n" + "\n".join(_items(lines)))
    return "\n\n".join(part for part in out if part)


def _sections(docstring: str) -> Iterator[tuple[str, list[str]]]:
    section, lines = "", list[str]()
    for line in docstring.splitlines():
        title = line.removesuffix(":")
        if line.endswith(":") and title in _SECTIONS:
            yield section, lines
            section, lines = title, []
        elif section and line and not line.startswith(" "):
            yield section, lines
            section, lines = "", [line]
        else:
            lines.append(line.removeprefix("    ") if section else line)
    yield section, lines


def _items(lines: list[str]) -> Iterator[str]:
    """Join the lines of each `name: text` of a section and return them as list items."""
    items: list[str] = []
    for line in lines:
        if not line.strip():
            continue
        if line.startswith(" ") and items:
            items[-1] += " " + line.strip()
        else:
            items.append(line.strip())
    for item in items:
        name, mark, text = item.partition(": ")
        yield f"- `{name}`: {text}" if mark else f"- {item}"


def _first_paragraph(text: str) -> str:
    return " ".join(text.split("\n\n", 1)[0].split())


def http_page() -> str:
    """Return the page of HTTP endpoints, grouped by noun."""
    from mlwright.api.endpoint import PREFIX
    from mlwright.api.table import ENDPOINTS

    out = ["# HTTP API\n", _NOTE]
    out.append(
        f"Every endpoint is below `{PREFIX}`. The same rows make the server's routes, its OpenAPI document\n"
        "(`/openapi.json`), and both clients: `call` in this process and `Client` over HTTP. GET reads and takes its\n"
        "fields from the path and the query; POST changes and takes the rest of them as JSON. Models are served below\n"
        "`/v2` by the Open Inference Protocol.\n"
    )
    noun = ""
    for endpoint in ENDPOINTS:
        if endpoint.noun != noun:
            noun = endpoint.noun
            out.append(f"## {noun}\n")
        out.append(f"### `{endpoint.name}`\n\n`{endpoint.method} {PREFIX}{endpoint.path}`\n\n{endpoint.summary}\n")
        rows = [_field(field, endpoint.path_fields) for field in msgspec.structs.fields(endpoint.input)]
        if rows:
            out.append("| field | type | default | where |\n| --- | --- | --- | --- |\n" + "\n".join(rows) + "\n")
        out.append(f"Answers `{_type_name(endpoint.output)}`. Needs the permission `{endpoint.scope}`.\n")
    return "\n".join(out)


def _field(field: msgspec.structs.FieldInfo, path_fields: tuple[str, ...]) -> str:
    if field.default is not msgspec.NODEFAULT:
        default = f"`{field.default!r}`"
    else:
        default = "required" if field.default_factory is msgspec.NODEFAULT else "empty"
    where = "path" if field.name in path_fields else ""
    type_name = _type_name(field.type).replace("|", "\\|")
    return f"| `{field.name}` | `{type_name}` | {default} | {where} |"


def _type_name(type_: Any) -> str:
    """Return a type as one writes it, without the modules it comes from."""
    if type_ in (None, type(None)):
        return "None"
    origin, arguments = typing.get_origin(type_), typing.get_args(type_)
    if origin is typing.Annotated:
        return _type_name(arguments[0])
    if origin in (typing.Union, types.UnionType):
        return " | ".join(_type_name(argument) for argument in arguments)
    if origin is typing.Literal:
        return " | ".join(repr(argument) for argument in arguments)
    name = str(getattr(origin or type_, "__name__", type_))
    inner = ", ".join("..." if argument is ... else _type_name(argument) for argument in arguments)
    return f"{name}[{inner}]" if inner else name


def mlflow_page() -> str:
    """Return the page of the MLflow-compatible API: every endpoint that is served, and those that aren't yet."""
    from mlwright.server.mlflow import about
    from mlwright.server.mlflow.routes import LATER, all_routes

    out = ["# MLflow's API\n", _NOTE]
    out.append(
        "`mlwright up` speaks the API of MLflow's tracking server and registry: set `MLFLOW_TRACKING_URI` to its URL\n"
        "and go on using MLflow's own client, unchanged. Every path is served below `/api/2.0`, `/api/3.0`,\n"
        f"`/ajax-api/2.0` and `/ajax-api/3.0`. The version spoken is {about.SPOKEN_VERSION}. Errors carry MLflow's\n"
        "error codes, beside a sentence that says why and what to do.\n"
    )
    out.append("## Served\n\n| method | path | what it does |\n| --- | --- | --- |")
    for route in sorted(all_routes(), key=lambda route: (route.path.lstrip("/"), route.method)):
        meaning = _first_paragraph(inspect.getdoc(route.answer) or "")
        path = route.path.removeprefix("/") if route.path.startswith("//") else route.path
        out.append(f"| {route.method} | `{path}` | {meaning} |")
    out.append(
        "\n## Not now\n\nThese, and every path below them, answer with MLflow's error `NOT_IMPLEMENTED` (HTTP status"
        " 501).\n\n| path | what it is for |\n| --- | --- |"
    )
    out += [f"| `{path}` | {what} |" for path, what in sorted(LATER.items())]
    out.append(_MLFLOW_DIFFERENCES)
    return "\n".join(out)


_MLFLOW_DIFFERENCES = """
## Where it differs

- Infinite values of metrics are kept as they are; MLflow's server keeps the largest finite number instead.
- The time of a point must lie between 1970 and the end of the year 9999, begin and end of a run after the year 0;
  MLflow's server takes any number of milliseconds.
- What is of another type than it should be (a step of 1.5, a status that isn't one) is refused; MLflow's server reads
  some of it as if it weren't there. Keys of tags are checked when a run or logged model is made, too.
- Searches without `max_results` get a page; a name that is taken is `RESOURCE_ALREADY_EXISTS` also when something is
  renamed. A run or logged model that is named as an input or output has to exist.
- A run that is begun without a user belongs to the server's own.
- A run that is set to a final status without an end gets the present moment as its end, and one that is set to running
  again loses it.
- A batch is logged whole or not at all.
- The same dataset (name and digest) in two experiments is one dataset.
- Texts that hold U+0000 or half a character are refused.
- Ids of runs have 26 characters. Clients don't look into them.
- A registered version keeps its own copy of what its source held. Its download URI leads there, and what it gives stays
  the same whatever becomes of the run or logged model. A source that lies elsewhere is known by its URI only.
- The number of a deleted version is not given again; what was deleted stays in the model's history.
- An alias that stands for an environment with gates or approvals is refused with `PERMISSION_DENIED`; what a deployment
  serves, or such an environment has, is not deleted (`RESOURCE_CONFLICT`).
- A path of an artifact is a file or a folder, never both. Backslashes, drives and `#` are refused as well as `..`.
- Large files are uploaded in parts by clients that ask the server, or are told so
  (`MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD`); they are downloaded in ranges where the client is told to
  (`MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD`).
- Two webhooks can't have the same name. Webhooks may lead to addresses that are not public, by `http` too.
- Prompts are refused with `NOT_IMPLEMENTED`.
"""


def errors_page() -> str:
    """Return the page of errors: the tree, then what each one means."""
    from mlwright import errors

    out = ["# Errors\n", _NOTE, _tree(inspect.getdoc(errors) or "")]
    out.append("| code | class | exit code | HTTP status | meaning |\n| --- | --- | --- | --- | --- |")
    found = [value for value in vars(errors).values() if inspect.isclass(value)]
    for cls in [value for value in found if issubclass(value, errors.MlwrightError)]:
        meaning = _first_paragraph(inspect.getdoc(cls) or "")
        out.append(f"| `{cls.code}` | `{cls.__name__}` | {cls.exit_code} | {cls.http_status} | {meaning} |")
    return "\n".join(out) + "\n"


def _tree(docstring: str) -> str:
    """Return a module docstring whose indented drawing becomes a block of text."""
    out: list[str] = []
    inside = False
    for line in docstring.splitlines():
        indented = line.startswith("    ")
        if indented != inside and (indented or line.strip()):
            out += ["", "```text"] if indented else ["```", ""]
            inside = indented
        out.append(line.removeprefix("    "))
    text = "\n".join(out)
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"\n+```\n", "\n```\n", text)) + "\n"


def cli_page() -> str:
    """Return the page of commands: the overview as it is printed, then each command from its own help."""
    from mlwright.cli.commands import overview
    from mlwright.cli.main import application

    text = application().generate_docs(heading_level=1, usage_name="mlwright")
    details = text[text.index("\n## mlwright ") :]
    details = re.sub(r"^```console$", "```text", details, flags=re.MULTILINE)
    details = _WITHOUT_SHARED.sub("", details)
    details = re.sub(r"\*\*Parameters\*\*:\n+(?=#|\Z)", "", details)
    return f"# Command line\n\n{_NOTE}\n```text\n{overview().rstrip()}\n```\n{details.rstrip()}\n"


PAGES: dict[str, Callable[[], str]] = {
    "python.md": python_page,
    "cli.md": cli_page,
    "http.md": http_page,
    "mlflow-api.md": mlflow_page,
    "errors.md": errors_page,
}


def outdated(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Go through the pages that differ from what the code says: name, text that is there, text that should be."""
    for name, make in PAGES.items():
        path = folder / name
        present, wanted = path.read_text() if path.exists() else "", make()
        if present != wanted:
            yield name, present, wanted


def main(argv: list[str] | None = None) -> int:
    """Write the pages, or with `--check` return 1 when one is out of date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 when a page is out of date")
    options = parser.parse_args(argv)
    REFERENCE.mkdir(parents=True, exist_ok=True)
    found = list(outdated(REFERENCE))
    for name, present, wanted in found:
        if options.check:
            print(f"  docs/reference/{name} is out of date (make fix):")
            print("\n".join(list(difflib.unified_diff(present.splitlines(), wanted.splitlines(), lineterm=""))[2:12]))
        else:
            (REFERENCE / name).write_text(wanted)
            print(f"docs/reference/{name}")
    return 1 if options.check and found else 0


if __name__ == "__main__":
    sys.exit(main())
