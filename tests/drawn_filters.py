"""Strategies for comparisons of the filter language, for whoever makes up expressions."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from mlwright.core.filters import Comparison, Field

SIGNS = ("=", "!=", ">", ">=", "<", "<=")
LIKES = ("LIKE", "NOT LIKE", "ILIKE", "NOT ILIKE")


def comparisons(field: st.SearchStrategy[Field], value: st.SearchStrategy[Any], *signs: str) -> Any:
    """Draw comparisons of one kind of field with one kind of value."""
    return st.one_of(
        st.builds(Comparison, field, st.sampled_from(signs), st.tuples(value)),
        st.builds(
            Comparison, field, st.sampled_from(("IN", "NOT IN")), st.lists(value, min_size=1, max_size=4).map(tuple)
        ),
        st.builds(Comparison, field, st.sampled_from(("BETWEEN", "NOT BETWEEN")), st.tuples(value, value)),
        st.builds(Comparison, field, st.sampled_from(("IS NULL", "IS NOT NULL"))),
    )
