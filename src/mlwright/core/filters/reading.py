"""What both dialects of filters read alike: a walk over tokens, and the names of fields."""

from __future__ import annotations

from typing import NamedTuple

from mlwright.core.filters.tokens import Token, refuse, tokenize, unquoted
from mlwright.errors import InvalidInput


class Name(NamedTuple):
    """The name of a field as it was written.

    Attributes:
        word: What stands before the dot; empty when there is no dot.
        key: What stands after it, without quotes.
        token: Its first piece.
        quoted: Whether the key was in quotes.
        sign: The quote around the word, if any.
    """

    word: str
    key: str
    token: Token
    quoted: bool
    sign: str = ""

    @property
    def text(self) -> str:
        """The whole of it."""
        return f"{self.word}.{self.key}" if self.word else self.key


class Reader:
    """Walks over the tokens of a filter.

    Args:
        text: The filter.

    Raises:
        InvalidInput: It can't be cut into tokens.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._tokens = tokenize(text)
        self._place = 0

    @property
    def token(self) -> Token:
        """The token that comes next."""
        return self._tokens[self._place]

    @property
    def following(self) -> Token:
        """The token after that."""
        return self._tokens[min(self._place + 1, len(self._tokens) - 1)]

    @property
    def at_end(self) -> bool:
        """Whether everything was read."""
        return self.token.kind == "end"

    def take(self) -> Token:
        """Return the next token and go on."""
        token = self.token
        if token.kind != "end":
            self._place += 1
        return token

    def accept(self, *words: str) -> bool:
        """Go on if the next token is one of these words or signs, and tell."""
        found = self.token.says(*words)
        if found:
            self.take()
        return found

    def expect(self, sign: str, why: str) -> None:
        """Go on if the next token is this one.

        Raises:
            InvalidInput: It isn't.
        """
        if not self.accept(sign):
            raise self.fail(self.token, why)

    def fail(self, token: Token, why: str, fix: str | None = None) -> InvalidInput:
        """Return the error for a place in the filter."""
        return refuse(self.text, token, why, fix)

    def name(self) -> Name:
        """Read the name of a field: `metrics.auc`, metrics."a b", status.

        Raises:
            InvalidInput: Something else comes next.
        """
        first = self.take()
        if first.kind == "word":
            word, dot, key = first.value.partition(".")
            if dot and not key and self._adjoins(first) and self.token.kind in ("name", "text"):
                return Name(word, unquoted(self.take().value), first, True)
            return Name(word, key, first, False) if dot else Name("", word, first, False)
        if first.kind == "name":
            if self._adjoins(first) and self.token.says("."):
                return self._after_dot(unquoted(first.value), first)
            return Name("", unquoted(first.value), first, True, first.value[0])
        raise self.fail(
            first,
            "a field was expected here",
            "write for example metrics.auc > 0.9, params.\"a b\" = 'x' or status = 'failed'",
        )

    def _after_dot(self, word: str, first: Token) -> Name:
        dot = self.take()
        if not self._adjoins(dot) or self.token.kind not in ("word", "name", "text"):
            raise self.fail(self.token, "a field's name was expected after the dot")
        key = self.take()
        quoted = key.kind != "word"
        return Name(word, unquoted(key.value) if quoted else key.value, first, quoted, first.value[0])

    def _adjoins(self, before: Token) -> bool:
        return self.token.start == before.end
