"""A running server tells webhooks by itself."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from mlwright.api.client import RemoteClient
from mlwright.project import Project
from mlwright.server.main import background


def test_what_is_done_over_http_is_posted_to_a_webhook_made_over_http(filled: Project) -> None:
    got: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_words: Any) -> None:
            """Say nothing."""

    receiver = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        with background(filled) as url, RemoteClient(url, actor="user:ada") as client:
            address = f"http://127.0.0.1:{receiver.server_address[1]}/"
            made = client.call("webhooks.new", webhook="ops", url=address, events=["environment.*"])
            assert len(made.secret) > 20
            client.call("models.promote", model="delay", version="2", environment="staging", reason="try")
            until = time.monotonic() + 120
            while not client.call("webhooks.deliveries", webhook="ops", state="delivered").items:
                assert time.monotonic() < until, "nothing was delivered"
                time.sleep(0.05)
    finally:
        receiver.shutdown()
        receiver.server_close()
    assert [event["data"]["environment"] for event in got] == ["staging"]
    assert got[0]["mlwrightactor"] == "user:ada"
