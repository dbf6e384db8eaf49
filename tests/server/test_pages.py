"""What a browser or a probe gets: page, documentation, health, and no for strangers."""

from __future__ import annotations

import httpx2
import pytest

from mlwright import __version__


def test_probes_are_answered(url: str) -> None:
    assert httpx2.get(f"{url}/healthz").text == "ok\n"
    assert httpx2.get(f"{url}/readyz").text == "ready\n"
    assert httpx2.get(f"{url}/v2/health/live").json() == {"live": True}


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/static/page.css",
        "/static/page.js",
        "/static/parts.js",
        "/static/runs.js",
        "/static/icon.svg",
        "/api/docs",
    ],
)
def test_pages_load_nothing_from_elsewhere(url: str, path: str) -> None:
    response = httpx2.get(f"{url}{path}")
    assert response.status_code == 200
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert response.headers["x-content-type-options"] == "nosniff"
    text = response.text.replace("http://www.w3.org/2000/svg", "")
    assert "http://" not in text
    assert "https://" not in text


def test_the_openapi_document_is_served(url: str) -> None:
    document = httpx2.get(f"{url}/api/v1/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    assert document["info"]["version"] == __version__


@pytest.mark.parametrize("path", ["/nowhere", "/api/v1/nothing", "/static/../control.py", "/static/__init__.py"])
def test_what_is_not_there_is_a_named_404(url: str, path: str) -> None:
    response = httpx2.get(f"{url}{path}")
    assert response.status_code == 404
    assert response.json()["code"] == "not-found"


def test_a_wrong_method_is_405_and_names_the_right_one(url: str) -> None:
    response = httpx2.post(f"{url}/api/v1/runs", json={})
    assert response.status_code == 405
    assert "GET" in response.headers["allow"]


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8300", "169.254.169.254", "[2001:db8::1]:80"])
def test_another_sites_name_for_a_loopback_server_is_refused(url: str, host: str) -> None:
    response = httpx2.get(f"{url}/api/v1/runs", headers={"host": host})
    assert response.status_code == 403
    assert response.json()["code"] == "permission-denied"


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:8300", "[::1]:8300", "mlwright.localhost"])
def test_this_machines_names_are_answered(url: str, host: str) -> None:
    assert httpx2.get(f"{url}/api/v1/runs", headers={"host": host}).status_code == 200


def test_a_fault_inside_is_told_without_detail(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlwright.ledger import registry

    def fail(*_arguments: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(registry, "list_models", fail)
    response = httpx2.get(f"{url}/api/v1/models")
    assert response.status_code == 500
    assert response.json()["code"] == "error"
    assert "secret" not in response.text
