"""The words gate finds what may not be committed and lets pass what may."""

from __future__ import annotations

import pytest

from scripts import words


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("see https://internal.acme.net/wheels", "names the host internal.acme.net"),
        ("https://user:secret@mirror.acme.net/simple", "names the host mirror.acme.net"),
        ("--extra-index-url x", "holds a package index"),
        ("path = '/root/project/data.csv'", "holds a machine's path"),
        ("path = '/home/ada/project'", "holds a machine's path"),
        ("-----BEGIN RSA PRIVATE KEY-----", "holds a private key"),
        ("key = 'AKIAABCDEFGHIJKLMNOP'", "holds an access key"),
    ],
)
def test_what_may_not_be_committed_is_found_with_its_line(line: str, what: str) -> None:
    assert words.findings(f"fine\n{line}\n") == [(2, what)]


@pytest.mark.parametrize(
    "line",
    [
        "open http://127.0.0.1:8300/",
        "curl http://localhost:8300/v2/health/live",
        "send('http://h.test:1/part')",
        '<svg xmlns="http://www.w3.org/2000/svg">',
        "postgresql://ada:secret@db/ml",
        "~/work/project and ./home/page.html",
        "/v2/models/{name}/infer",
    ],
)
def test_what_may_be_committed_passes(line: str) -> None:
    assert words.findings(line) == []
