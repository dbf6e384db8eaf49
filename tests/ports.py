"""Ports for servers that can't be given port 0, or that have to come back on the port that they had."""

from __future__ import annotations

import random
import socket

#: Below those that systems give to whoever asks for any port: nobody is given one between its choice and its use.
LOWEST, HIGHEST = 15_000, 30_000


def free_port() -> int:
    """Return a port of the loopback interface that nothing listens on."""
    while True:
        port = random.SystemRandom().randrange(LOWEST, HIGHEST)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
