"""Cutting the text of a filter into words, quoted names, texts, numbers, dates and signs."""

from __future__ import annotations

import re

import msgspec

from mlwright.errors import InvalidInput

#: Longest text that is read: a filter over some thousands of run ids fits.
MAX_TEXT = 500_000
_SHOWN = 60

#: What databases can't hold: NUL, and halves of characters.
_UNKEPT = re.compile("[\x00\ud800-\udfff]")
_PATTERN = re.compile(
    r"""(?P<space>\s+)
    |(?P<text>'(?:''|[^'])*')
    |(?P<name>"(?:""|[^"])*"|`(?:``|[^`])*`)
    |(?P<date>\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:?\d\d)?)?(?![\w.-]))
    |(?P<span>\d+(?:\.\d+)?(?:ms|[smhdw])(?![\w.]))
    |(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))
    |(?P<word>[^\W\d](?:[\w./@:\#$+-]*[\w.])?)
    |(?P<sign><=|>=|!=|<>|==|=|<|>|\(|\)|,|-|\.)
    """,
    re.VERBOSE,
)


class Token(msgspec.Struct, frozen=True):
    """A piece of a filter's text.

    Attributes:
        kind: text (in single quotes), name (in double quotes or backticks), date, span, number, word, sign or end.
        value: As written, quotes included.
        start: Where it begins, from 0.
    """

    kind: str
    value: str
    start: int

    @property
    def end(self) -> int:
        """Where it is over."""
        return self.start + len(self.value)

    def says(self, *words: str) -> bool:
        """Tell whether it is one of these words (upper case) or signs."""
        return self.kind in ("word", "sign") and self.value.upper() in words


def tokenize(text: str) -> list[Token]:
    """Cut a text into tokens, the last of them `end`.

    Raises:
        InvalidInput: A piece means nothing, a quote isn't closed, or the text is too long.
    """
    if len(text) > MAX_TEXT:
        raise InvalidInput("the filter is too long.", why=f"it has {len(text)} characters; at most {MAX_TEXT} are read")
    unkept = _UNKEPT.search(text)
    if unkept is not None:
        token = Token("sign", unkept[0].encode("unicode_escape").decode(), unkept.start())
        raise refuse(text.replace(unkept[0], token.value), token, "no text that is kept has this character")
    tokens, place = [], 0
    while place < len(text):
        found = _PATTERN.match(text, place)
        if found is None:
            raise _strange(text, place)
        if found.lastgroup != "space":
            tokens.append(Token(str(found.lastgroup), found[0], place))
        place = found.end()
    tokens.append(Token("end", "", len(text)))
    return tokens


def refuse(text: str, token: Token, why: str, fix: str | None = None) -> InvalidInput:
    """Return the error for a place in a filter: it names the column and the word, and shows both.

    Args:
        text: The whole filter.
        token: What is wrong.
        why: What is wrong with it.
        fix: What to write instead.
    """
    column = token.start + 1
    place = "at its end" if token.kind == "end" else f"at column {column}, '{brief(token.value)}'"
    return InvalidInput(
        f"the filter can't be read {place}.",
        why=why,
        fix=fix,
        column=column,
        word=brief(token.value),
        filter=brief(text),
    )


def brief(text: str) -> str:
    """Return a text, cut when it is long."""
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def unquoted(value: str) -> str:
    """Return what stands within quotes; a doubled quote is one.

    Example:
        >>> unquoted("'it''s'")
        "it's"
    """
    return value[1:-1].replace(value[0] * 2, value[0])


def _strange(text: str, place: int) -> InvalidInput:
    rest = text[place:]
    token = Token("sign", re.split(r"\s", rest, maxsplit=1)[0][:_SHOWN], place)
    if rest[0] in "'\"`":
        return refuse(text, token, f"the quote {rest[0]} is not closed")
    if rest[0].isdigit() or rest[0] == ".":
        return refuse(text, token, "this is no number, date or span of time", "put texts in single quotes")
    return refuse(text, token, f"the character {rest[0]!r} means nothing here", "put texts in single quotes")
