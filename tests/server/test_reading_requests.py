"""How requests are read: numbers, moments, fields given twice, methods, depth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2
import pytest

from filled import RUN_ID
from mlwright.ledger import registry
from mlwright.project import Project
from mlwright.server.main import background


@pytest.mark.parametrize(("given", "status"), [(1.0, 200), (1, 200), (1.5, 400), ("1", 400), (1e300, 400)])
def test_a_number_without_a_fraction_is_a_whole_number(url: str, given: Any, status: int) -> None:
    answer = httpx2.post(f"{url}/api/v1/models/delay/aliases/best", json={"version": given})
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize("moment", ["0", "1e9", "-5", "2013-04-01", "2013-04-01T00:00:00", "now"])
def test_a_moment_is_text_with_a_time_zone(url: str, moment: str) -> None:
    answer = httpx2.get(f"{url}/api/v1/events", params={"until": moment})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid-input")
    assert httpx2.get(f"{url}/api/v1/events?until=2013-04-01T00:00:00Z").status_code == 200


def test_a_field_given_twice_is_refused_and_a_list_is_not(url: str) -> None:
    answer = httpx2.get(f"{url}/api/v1/events?subject=a&subject=b")
    assert (answer.status_code, answer.json()["what"]) == (400, "the field 'subject' is given twice.")
    assert httpx2.get(f"{url}/api/v1/events?types=a&types=b").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "experiments", "GET, HEAD, POST"),
        ("GET", "runs/purge", "POST"),
        ("PUT", "blobs/missing", "POST"),
        ("GET", f"blobs/sha256:{'0' * 64}", "PUT"),
        ("POST", f"runs/{RUN_ID}", "GET, HEAD"),
    ],
)
def test_another_method_is_405_with_exactly_those_that_are_taken(
    url: str, method: str, path: str, allowed: str
) -> None:
    answer = httpx2.request(method, f"{url}/api/v1/{path}")
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


def test_what_lies_in_the_path_of_a_name_is_found(url: str) -> None:
    assert httpx2.post(f"{url}/api/v1/runs/purge", json={"dry_run": True}).status_code == 200
    assert httpx2.head(f"{url}/api/v1/runs/{RUN_ID}").status_code == 200


@pytest.mark.parametrize("depth", [100, 950, 990, 5000])
def test_depth_is_refused_by_name(url: str, depth: int) -> None:
    body = b'{"key": "k", "arguments": {"x": ' + b'{"a":' * depth + b"1" + b"}" * depth + b"}}"
    headers = {"content-type": "application/json"}
    answer = httpx2.post(f"{url}/api/v1/systems/flights/triggers/none/fire", content=body, headers=headers)
    assert answer.status_code in ((404,) if depth == 100 else (400, 404)), answer.text


@pytest.mark.postgres
def test_numbers_that_no_version_has_are_refused_or_not_found_by_postgresql_too(
    project_folder: Path, postgres_url: str
) -> None:
    with Project.open(project_folder, ledger=postgres_url) as project, background(project) as url:
        with project.ledger.write() as tx:
            registry.claim_model(tx, "delay")
        statuses = {
            httpx2.get(f"{url}/api/v1/{path}").status_code
            for number in ("2147483648", "9223372036854775807", "9" * 30, "³", "٣")
            for path in (
                f"approvals?version={number}",
                f"gates?model=delay&version={number}",
                f"models/delay/history?version={number}",
                f"models/delay/versions/{number}",
                f"models/delay/versions/{number}/card",
            )
        }
    assert statuses <= {400, 404}
