"""Reading filters in mlwright's own language."""

from __future__ import annotations

import msgspec

from mlwright.core.filters.expression import (
    Comparison,
    Constant,
    Expression,
    Field,
    Moment,
    Not,
    Scalar,
    all_of,
    any_of,
)
from mlwright.core.filters.fields import METRIC_PARTS, FieldTable, Type
from mlwright.core.filters.literals import STATUS, moment_of, moment_of_number, span_us
from mlwright.core.filters.reading import Name, Reader
from mlwright.core.filters.tokens import Token, brief, unquoted
from mlwright.errors import did_you_mean

MAX_DEPTH = 40
MAX_COMPARISONS = 200
MAX_LIST = 10_000
_SAME = {"==": "=", "<>": "!="}
_ORDERED = ("=", "!=", ">", ">=", "<", "<=")
_SPANS_FIX = "write for example 2026-03-01, 2026-03-01T12:30:00Z, now() - 7d, or a number of milliseconds"


def parse_native(text: str, fields: FieldTable) -> Expression | None:
    """Read a filter in mlwright's own language; an empty one is None.

    Raises:
        InvalidInput: It can't be read; the error names the place, the reason and what to write.
    """
    parser = _Parser(text, fields)
    if parser.reader.at_end:
        return None
    found = parser.either(0)
    token = parser.reader.token
    if token.kind != "end":
        why = "this bracket was never opened" if token.says(")") else "AND, OR or the end was expected here"
        raise parser.reader.fail(token, why)
    return found


def native_field(name: Name, reader: Reader, fields: FieldTable) -> tuple[Field, Type]:
    """Return the field that a name means, and what it holds.

    Raises:
        InvalidInput: There is none of this name.
    """
    if not name.word:
        attribute = fields.attribute(name.key)
        if attribute is None:
            raise reader.fail(name.token, f"{fields.noun} have no field '{brief(name.key)}'", _field_hint(name, fields))
        return Field("attribute", attribute.name), attribute.type
    if name.word in fields.words:
        return native_field(name._replace(word=""), reader, fields)
    entity = fields.entity(name.word)
    if entity is None:
        words = [word for found in fields.entities for word in found.words] + list(fields.words)
        raise reader.fail(
            name.token, f"{fields.noun} have no fields '{brief(name.word)}.…'", did_you_mean(name.word, words)
        )
    if entity.keys and name.key not in entity.keys:
        why = f"{entity.words[1]} has no field '{brief(name.key)}'"
        raise reader.fail(name.token, why, did_you_mean(name.key, list(entity.keys)))
    if not name.key:
        raise reader.fail(name.token, "the name after the dot is missing", f"write for example {entity.words[0]}.NAME")
    return Field(entity.name, name.key, "last" if entity.name == "metric" else ""), entity.type


def _field_hint(name: Name, fields: FieldTable) -> str:
    names = [found for attribute in fields.attributes for found in attribute.names]
    hint = did_you_mean(name.key, names)
    free = [f"{entity.words[0]}.{name.key}" for entity in fields.entities if not entity.keys]
    return (
        f"write {', '.join(free)}, or one of: {', '.join(names[:12])}" if free and not hint.startswith("did") else hint
    )


class _Parser:
    def __init__(self, text: str, fields: FieldTable) -> None:
        self.reader = Reader(text)
        self.fields = fields
        self._count = 0

    def either(self, depth: int) -> Expression:
        parts = [self._both(depth)]
        while self.reader.accept("OR"):
            parts.append(self._both(depth))
        return any_of(parts)

    def _both(self, depth: int) -> Expression:
        parts = [self._term(depth)]
        while self.reader.accept("AND"):
            parts.append(self._term(depth))
        return all_of(parts)

    def _term(self, depth: int) -> Expression:
        reader = self.reader
        token = reader.token
        if depth > MAX_DEPTH:
            raise reader.fail(token, f"brackets and NOT go deeper than {MAX_DEPTH} levels here")
        if reader.accept("NOT"):
            return Not(self._term(depth + 1))
        if reader.accept("("):
            found = self.either(depth + 1)
            reader.expect(")", "a closing bracket was expected here")
            return found
        if token.says("TRUE", "FALSE") and token.kind == "word":
            reader.take()
            return Constant(token.value.upper() == "TRUE")
        self._count += 1
        if self._count > MAX_COMPARISONS:
            raise reader.fail(
                token, f"a filter has at most {MAX_COMPARISONS} conditions", "compare with a list: IN ('a', 'b')"
            )
        return self._comparison()

    def _comparison(self) -> Expression:
        field, holds = self._field()
        token = self.reader.token
        if token.says("IS"):
            return self._null_test(field)
        negated = self.reader.accept("NOT")
        word = self.reader.token
        prefix = "NOT " if negated else ""
        if word.says("LIKE", "ILIKE"):
            return self._like(field, holds, prefix)
        if self.reader.accept("IN"):
            return Comparison(field, f"{prefix}IN", self._list(field, holds))
        if self.reader.accept("BETWEEN"):
            return self._between(field, holds, f"{prefix}BETWEEN")
        sign = self.reader.take()
        operator = _SAME.get(sign.value, sign.value)
        if negated or sign.kind != "sign" or operator not in _ORDERED:
            raise self.reader.fail(
                sign,
                "a comparison was expected here",
                "write one of = != > >= < <= LIKE ILIKE IN BETWEEN IS NULL, or NOT before LIKE, ILIKE, IN, BETWEEN",
            )
        return Comparison(field, operator, (self._value(field, holds),))

    def _field(self) -> tuple[Field, Type]:
        reader = self.reader
        token = reader.token
        if token.kind == "word" and reader.following.says("("):
            part = reader.take().value.lower()
            if part not in METRIC_PARTS:
                raise reader.fail(
                    token, f"there is no function '{brief(part)}' of a field", did_you_mean(part, list(METRIC_PARTS))
                )
            reader.take()
            name = reader.name()
            field, holds = native_field(name, reader, self.fields)
            if field.entity != "metric" or self.fields.noun != "runs":
                raise reader.fail(
                    name.token, f"{part}() is of metrics of runs", f"write for example {part}(metrics.loss)"
                )
            reader.expect(")", "a closing bracket was expected here")
            return msgspec.structs.replace(field, part=part), holds
        return native_field(reader.name(), reader, self.fields)

    def _null_test(self, field: Field) -> Expression:
        self.reader.take()
        negated = "NOT " if self.reader.accept("NOT") else ""
        token = self.reader.take()
        if token.says("NULL"):
            return Comparison(field, f"IS {negated}NULL")
        if token.says("NAN") and field.entity == "metric":
            return Comparison(field, f"IS {negated}NAN")
        why = "NAN is of metrics" if token.says("NAN") else "NULL was expected here"
        raise self.reader.fail(token, why, "write IS NULL or IS NOT NULL")

    def _like(self, field: Field, holds: Type, prefix: str) -> Expression:
        word = self.reader.take()
        if holds in ("number", "moment"):
            raise self.reader.fail(word, f"{_shown(field)} is no text", "compare it with = != > >= < <= or BETWEEN")
        token = self.reader.take()
        if token.kind not in ("text", "name"):
            raise self.reader.fail(
                token, "a pattern in single quotes was expected here", "write for example LIKE 'res%'"
            )
        return Comparison(field, f"{prefix}{word.value.upper()}", (unquoted(token.value),))

    def _list(self, field: Field, holds: Type) -> tuple[Scalar, ...]:
        self.reader.expect("(", "a list was expected here, for example ('a', 'b')")
        values = [self._value(field, holds)]
        while self.reader.accept(","):
            values.append(self._value(field, holds))
            if len(values) > MAX_LIST:
                raise self.reader.fail(self.reader.token, f"a list has at most {MAX_LIST} values")
        self.reader.expect(")", "a comma or a closing bracket was expected here")
        return tuple(values)

    def _between(self, field: Field, holds: Type, operator: str) -> Expression:
        low = self._value(field, holds)
        self.reader.expect("AND", "AND was expected here: BETWEEN 1 AND 2")
        token = self.reader.token
        high = self._value(field, holds)
        if type(low) is not type(high) or isinstance(low, bool):
            raise self.reader.fail(token, "BETWEEN takes two numbers, two dates or two texts")
        return Comparison(field, operator, (low, high))

    def _value(self, field: Field, holds: Type) -> Scalar:
        token = self.reader.take()
        if holds == "moment":
            return self._moment(token)
        if token.kind in ("text", "name"):
            return self._text(field, holds, token)
        if token.kind == "span" and field.key == "duration":
            return span_us(token.value) / 1e6
        number = self._number(token)
        if number is not None and holds in ("number", "any"):
            return number
        if holds == "any" and token.says("TRUE", "FALSE"):
            return token.value.upper() == "TRUE"
        if holds == "number":
            raise self.reader.fail(token, f"{_shown(field)} is a number", "write a number, without quotes")
        raise self.reader.fail(token, f"{_shown(field)} is compared with a text", _quote_hint(token))

    def _text(self, field: Field, holds: Type, token: Token) -> Scalar:
        text = unquoted(token.value)
        if holds == "number":
            raise self.reader.fail(token, f"{_shown(field)} is a number", "write a number, without quotes")
        if holds == "status":
            words = STATUS[self.fields.noun]
            word = words.get(text.upper(), text.lower())
            if word not in words.values():
                known = [*words.values(), *words]
                raise self.reader.fail(token, f"there is no status '{brief(text)}'", did_you_mean(text, known))
            return word
        return text

    def _number(self, token: Token) -> float | None:
        sign = 1.0
        if token.says("-"):
            sign, token = -1.0, self.reader.take()
        if token.kind == "number":
            return sign * float(token.value)
        if token.says("INF", "INFINITY"):
            return sign * float("inf")
        if sign < 0:
            raise self.reader.fail(token, "a number was expected after the minus")
        return None

    def _moment(self, token: Token) -> Scalar:
        if token.says("NOW") and self.reader.accept("("):
            self.reader.expect(")", "a closing bracket was expected here: now()")
            if not self.reader.accept("-"):
                return Moment(0, relative=True)
            span = self.reader.take()
            if span.kind != "span":
                raise self.reader.fail(
                    span, "a span of time was expected here", "write for example now() - 7d (ms s m h d w)"
                )
            return Moment(-span_us(span.value), relative=True)
        if token.kind in ("date", "text", "name"):
            found = moment_of(token.value if token.kind == "date" else unquoted(token.value))
            if found is None:
                raise self.reader.fail(token, "this is no date", _SPANS_FIX)
            return found
        number = self._number(token)
        if number is None:
            raise self.reader.fail(token, "a date was expected here", _SPANS_FIX)
        return moment_of_number(number)


def _shown(field: Field) -> str:
    return field.key if field.entity == "attribute" else f"{field.entity} '{brief(field.key)}'"


def _quote_hint(token: Token) -> str | None:
    return f"write '{brief(token.value)}' in single quotes" if token.kind != "end" else "write a text in single quotes"
