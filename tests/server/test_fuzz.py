"""Whatever is sent: an answer of ours, never a fault of the server's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import httpx2
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filled import START, fill
from mlwright.api.endpoint import PREFIX, Endpoint
from mlwright.api.table import ENDPOINTS
from mlwright.api.wire import Fault
from mlwright.core.clock import ReplayClock
from mlwright.core.settings import PROJECT_FILE
from mlwright.project import Project
from mlwright.server.main import background

#: Moving the clock far away would only make the controllers busy.
CHOSEN = [row for row in ENDPOINTS if row.name != "clock.advance"]

texts = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["", "delay", "prod", "latest", "-1", "1e400", "²", "9" * 30, "\x00", "../..", "%", "a/b", "null"]),
    st.sampled_from(["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2013-04-01T00:00:00Z", "2013-04-01"]),
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    """A client of a filled project that all examples share."""
    folder: Path = tmp_path_factory.mktemp("fuzz")
    (folder / PROJECT_FILE).write_text('durability = "normal"\n')
    with Project.open(folder, clock=ReplayClock(START)) as project:
        fill(project)
        with background(project) as url, httpx2.Client(base_url=url) as client:
            yield client


def fields(row: Endpoint, of: Any) -> st.SearchStrategy[dict[str, Any]]:
    names = st.sampled_from([*row.input.__struct_fields__, "other"])
    return st.dictionaries(names, of, max_size=4)


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_no_request_makes_the_server_fail(served: httpx2.Client, data: st.DataObject) -> None:
    row = data.draw(st.sampled_from(CHOSEN), label="endpoint")
    path = "/".join(
        quote(data.draw(texts, label=part), safe="") if part.startswith("{") else part for part in row.path.split("/")
    )
    if row.method == "GET":
        query = urlencode(data.draw(fields(row, texts)), errors="replace")
        response = served.get(f"{PREFIX}{path}?{query}")
    else:
        body = msgspec.json.encode(data.draw(fields(row, values)))
        response = served.post(f"{PREFIX}{path}", content=body, headers={"content-type": "application/json"})
    assert response.status_code < 500 or response.status_code == 501, response.text
    if response.is_success:
        msgspec.json.decode(response.content, type=row.output)
    else:
        assert msgspec.json.decode(response.content, type=Fault).what
