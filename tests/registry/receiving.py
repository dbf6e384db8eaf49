"""A receiver of webhooks on the loopback, which answers as it is told to and keeps what it got."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Receiver:
    """What was received, and how it is answered: by `raw`, else the next of `answers`, 200 when there is none."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self.raw: Callable[[Callable[[bytes], object]], None] | None = None
        self.url = ""
        self.lock = threading.Lock()


@contextmanager
def receiver() -> Iterator[Receiver]:
    """Listen on a free port while a block runs."""
    kept = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            with kept.lock:
                kept.got.append(({key.lower(): value for key, value in self.headers.items()}, body))
                status = kept.answers.pop(0) if kept.answers else 200
            if kept.raw is not None:
                with suppress(OSError):
                    kept.raw(self.wfile.write)
                return
            self.send_response(status)
            if status == 302:
                self.send_header("Location", kept.url)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_words: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield kept
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
