from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st

from mlwright.core import ids
from mlwright.core.ids import derived_id, new_id, short

milliseconds = st.integers(0, 2**48 - 1)


def test_ids_made_one_after_the_other_sort_in_that_order() -> None:
    made = [new_id() for _ in range(20_000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)


def test_ids_made_by_threads_are_unique() -> None:
    with ThreadPoolExecutor(8) as pool:
        made = [id_ for batch in pool.map(lambda _: [new_id() for _ in range(1000)], range(16)) for id_ in batch]
    assert len(set(made)) == len(made)


def test_a_clock_that_goes_back_does_not_change_the_order(monkeypatch: object) -> None:
    first = new_id()
    now_ns = ids.time.time_ns()
    monkeypatch.setattr(ids.time, "time_ns", lambda: now_ns - 10**12)  # type: ignore[attr-defined]
    assert new_id() > first


@given(first=milliseconds, second=milliseconds)
def test_ids_sort_by_their_time(first: int, second: int) -> None:
    one, two = new_id(first), new_id(second)
    if first != second:
        assert (one < two) == (first < second)


@given(at_ms=milliseconds)
def test_an_id_has_26_letters_of_the_alphabet_without_confusable_ones(at_ms: int) -> None:
    made = new_id(at_ms)
    assert len(made) == 26
    assert set(made) <= set("0123456789abcdefghjkmnpqrstvwxyz")
    assert short(made) == made[-8:]


def test_the_short_forms_of_neighbours_differ() -> None:
    made = [short(new_id()) for _ in range(2000)]
    assert len(set(made)) == len(made)


@given(
    parts=st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x1f")), min_size=1, max_size=3)
)
def test_the_same_parts_always_give_the_same_id_and_others_another(parts: list[str]) -> None:
    assert derived_id(*parts) == derived_id(*parts)
    assert len(derived_id(*parts)) == 26
    assert derived_id(*parts, "more") != derived_id(*parts)


def test_a_derived_id_is_the_same_in_every_process() -> None:
    program = "from mlwright.core.ids import derived_id; print(derived_id('run', 'step'))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == derived_id("run", "step")
