"""Reading filters in MLflow's grammar: exactly what its own server accepts, with the same meaning.

The grammar is that of MLflow 3.17: comparisons joined by AND. Facts that differ from mlwright's own language: numbers
stand for metrics and times only, texts for everything else; quotes within texts are not doubled; lists are of texts and
for few fields; a run's states are FINISHED, KILLED and so on.
"""

from __future__ import annotations

import re

from mlwright.core.filters.expression import Comparison, Constant, Expression, Field, Scalar, all_of
from mlwright.core.filters.fields import Attribute, Entity, FieldTable, Type
from mlwright.core.filters.literals import STATUS, matches_like, moment_of_number
from mlwright.core.filters.reading import Name, Reader
from mlwright.core.filters.tokens import Token, brief
from mlwright.errors import InvalidInput, did_you_mean

_NUMBERS = ("=", "!=", ">", ">=", "<", "<=")
_TEXTS = ("=", "!=", "LIKE", "ILIKE")
_BARE = re.compile(r"[\w.]*")
MAX_COMPARISONS = 200


def parse_mlflow(text: str, fields: FieldTable) -> Expression | None:
    """Read a filter in MLflow's grammar; an empty one is None.

    Raises:
        InvalidInput: MLflow's server would refuse it.
    """
    reader = Reader(text)
    found: list[Expression] = []
    while not reader.at_end:
        # MLflow doesn't look at what joins its conditions, as long as it is AND or nothing.
        if reader.accept("AND"):
            continue
        found.append(_comparison(reader, fields))
        if len(found) > MAX_COMPARISONS:
            raise _refuse("Invalid filter string", reader.token, f"it has more than {MAX_COMPARISONS} conditions")
    return all_of(found) if found else None


def mlflow_field(name: Name, fields: FieldTable, *, ordering: bool = False) -> tuple[Field, Attribute | Entity]:
    """Return the field that a name means to MLflow's clients.

    Raises:
        InvalidInput: There is none of this name.
    """
    if not name.quoted and not _BARE.fullmatch(name.key):
        raise _refuse("Invalid identifier", name.token, "a name like this has to stand in backticks or double quotes")
    words = [word for entity in fields.entities for word in entity.mlflow]
    if name.word and name.word not in fields.mlflow_words:
        # MLflow knows a word in backticks, and none in double quotes.
        entity = next((found for found in fields.entities if name.word in found.mlflow and name.sign != '"'), None)
        if entity is None:
            known = [*words, *fields.mlflow_words]
            what = f"Invalid entity type '{brief(name.word)}'"
            raise _refuse(what, name.token, f"known ones: {', '.join(known)}", did_you_mean(name.word, known))
        if entity.keys and name.key not in entity.keys:
            what = f"Invalid {entity.name} key '{brief(name.key)}'"
            raise _refuse(
                what, name.token, f"known keys: {', '.join(entity.keys)}", did_you_mean(name.key, list(entity.keys))
            )
        return Field(entity.name, name.key, "last" if entity.name == "metric" else ""), entity
    known = [key for attribute in fields.attributes for key in _names(attribute, ordering=ordering)]
    found = next((one for one in fields.attributes if name.key in _names(one, ordering=ordering)), None)
    if found is None:
        what = f"Invalid attribute key '{brief(name.key)}'"
        raise _refuse(what, name.token, f"known keys: {', '.join(sorted(known))}", did_you_mean(name.key, known))
    return Field("attribute", found.name), found


def _names(attribute: Attribute, *, ordering: bool) -> tuple[str, ...]:
    if ordering and attribute.mlflow_orders is not None:
        return attribute.mlflow_orders
    return attribute.mlflow


def _comparison(reader: Reader, fields: FieldTable) -> Expression:
    start = reader.token
    if start.kind not in ("word", "name"):
        raise _refuse(
            "Invalid clause(s) in filter string", start, "a field was expected here; MLflow's grammar knows AND only"
        )
    if start.says("OR", "NOT"):
        why = "MLflow's grammar has no such word"
        raise _refuse("Invalid clause(s) in filter string", start, why, "search with mlwright's own language instead")
    field, kind = mlflow_field(reader.name(), fields)
    operator = _operator(reader)
    if operator.startswith("IS "):
        if not (isinstance(kind, Entity) and kind.nulls):
            raise _refuse(
                f"{operator} is not for '{field.key}'", start, "MLflow's grammar has it for tags and params only"
            )
        return Comparison(field, operator)
    listed = operator in ("IN", "NOT IN")
    allowed = _NUMBERS if kind.type in ("number", "moment") else (*_TEXTS, "IN", "NOT IN")
    if operator not in allowed or (listed and not kind.lists):
        known = allowed if kind.lists or allowed is _NUMBERS else _TEXTS
        raise _refuse(
            f"Invalid comparator '{brief(operator)}'", start, f"'{brief(field.key)}' is compared with {' '.join(known)}"
        )
    values = _list(reader) if listed else (_value(reader, field, kind.type, fields),)
    return _status(field, operator, values, fields) if kind.type == "status" else Comparison(field, operator, values)


def _operator(reader: Reader) -> str:
    token = reader.take()
    if token.says("IS"):
        negated = "NOT " if reader.accept("NOT") else ""
        if reader.accept("NULL"):
            return f"IS {negated}NULL"
    elif token.says("NOT"):
        return f"NOT {reader.take().value.upper()}"
    elif token.says("LIKE", "ILIKE", "IN") or (token.kind == "sign" and token.value[0] in "=!<>"):
        return token.value.upper()
    raise _refuse("Invalid clause(s) in filter string", token, "a comparison was expected here")


def _value(reader: Reader, field: Field, holds: Type, fields: FieldTable) -> Scalar:
    token = reader.take()
    if holds in ("number", "moment"):
        if fields.loose_numbers and token.kind in ("text", "name") and re.fullmatch(r"\d{1,18}", token.value[1:-1]):
            return float(token.value[1:-1])
        sign = 1.0
        if token.says("-"):
            sign, token = -1.0, reader.take()
        if token.kind != "number":
            raise _refuse(
                "Expected numeric value", token, f"'{brief(field.key)}' is compared with a number, without quotes"
            )
        number = sign * float(token.value)
        return moment_of_number(number) if holds == "moment" else number
    return _text(token, field)


def _text(token: Token, field: Field) -> str:
    if token.kind not in ("text", "name") or token.value[0] == "`":
        why = f"'{brief(field.key)}' is compared with a text in single or double quotes"
        raise _refuse("Expected a quoted string value", token, why)
    return token.value[1:-1]


def _list(reader: Reader) -> tuple[str, ...]:
    if not reader.accept("("):
        raise _refuse("Invalid clause(s) in filter string", reader.token, "IN takes a list: IN ('a', 'b')")
    found: list[str] = []
    while not reader.accept(")"):
        found.append(_text(reader.take(), Field("attribute", "each value of a list")))
        if not reader.accept(",") and not reader.token.says(")"):
            raise _refuse("Invalid list", reader.token, "a comma or a closing bracket was expected here")
    if not found:
        raise _refuse("Invalid list", reader.token, "it is empty; at least one text was expected")
    return tuple(found)


def _status(field: Field, operator: str, values: tuple[Scalar, ...], fields: FieldTable) -> Expression:
    """Translate a condition on MLflow's words for states to one on ours, by trying each of the words."""
    negated = operator in ("!=", "NOT IN")
    kept = []
    for theirs, ours in STATUS[fields.noun].items():
        if operator.endswith("LIKE"):
            fits = matches_like(theirs, str(values[0]), ignore_case=operator == "ILIKE")
        else:
            fits = (theirs in values) != negated
        kept += [ours] if fits else []
    if not kept:
        return Constant(False)
    return Comparison(field, "=" if len(kept) == 1 else "IN", tuple(kept))


def _refuse(what: str, token: Token, why: str, fix: str | None = None) -> InvalidInput:
    place = "at the end" if token.kind == "end" else f"at column {token.start + 1}, '{brief(token.value)}'"
    return InvalidInput(f"{what} ({place}).", why=why, fix=fix or None, column=token.start + 1, word=brief(token.value))
