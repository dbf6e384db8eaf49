"""Delivering events to webhooks: at least once, with growing pauses, up to a limit.

A delivery that was posted but not noted (the process died in between) is posted again; its id stays the same. One that
fails postpones what else is due for the same webhook, and never what is due for another one.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from mlwright.core.clock import wall_now
from mlwright.core.events import Event
from mlwright.errors import NotFound
from mlwright.ledger import webhooks as rows
from mlwright.ledger.webhooks import Attempt, DeliveryRow, WebhookRow
from mlwright.registry import webhook_bodies
from mlwright.registry.webhooks import TEST, hand_out, read_secret, the_webhook

if TYPE_CHECKING:
    from mlwright.project import Project

TIMEOUT_S = 10.0
CONNECT_TIMEOUT_S = 3.0
#: For a whole post: a receiver that sends a byte now and then must not hold up the other webhooks.
MOST_S = 30.0
FIRST_PAUSE_S = 5.0
LONGEST_PAUSE_S = 3600.0
#: After a failure everything else for the same webhook waits too, but not longer than this.
REST_S = 60.0
#: With these pauses a receiver may be away for about five hours.
MOST_ATTEMPTS = 14
_AT_ONCE = 4
_GONE = 410
_ERROR_LENGTH = 300


class Posted(msgspec.Struct, frozen=True):
    """What came of one post: the HTTP status (None without an answer) and what was wrong, empty when nothing was."""

    status: int | None
    error: str


@contextmanager
def client() -> Iterator[Any]:
    """Open what posts; redirects are not followed, because a signature is meant for one address."""
    import httpx2

    timeout = httpx2.Timeout(TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
    # Each post has a connection of its own, which `_limited` may end.
    limits = httpx2.Limits(max_keepalive_connections=0)
    with httpx2.Client(timeout=timeout, limits=limits, follow_redirects=False, trust_env=False) as opened:
        yield opened


def post_due(project: Project) -> int:
    """Hand out what is new and post what is due; return how many posts were made.

    Only one process may do so at a time (the server, which holds a lease).
    """
    with project.ledger.read() as connection:
        behind = rows.is_behind(connection)
    if behind:
        with project.ledger.write("system") as tx:
            hand_out(tx)
    with project.ledger.read() as connection:
        waiting = rows.due(connection, wall_now())
        known = {row.id: row for row in rows.list_webhooks(connection)} if waiting else {}
        told = rows.events_of(connection, [row.event_seq for row in waiting]) if waiting else {}
    queues: dict[str, list[DeliveryRow]] = {}
    for delivery in waiting:
        queues.setdefault(delivery.webhook_id, []).append(delivery)
    if not queues:
        return 0
    with client() as http, ThreadPoolExecutor(min(_AT_ONCE, len(queues)), thread_name_prefix="webhooks") as pool:
        turns = [pool.submit(_post_queue, project, http, known[id_], queue, told) for id_, queue in queues.items()]
        return sum(turn.result() for turn in turns)


def try_webhook(project: Project, name: str, *, actor: str | None = None) -> DeliveryRow:
    """Post a test event to a webhook now, once, whether it is active or not; return how it went.

    Raises:
        NotFound: There is no such webhook.
    """
    with project.ledger.write(actor or project.actor) as tx:
        row = the_webhook(tx.connection, name)
        event = tx.emit(TEST, f"webhook/{row.id}", name=row.name)
        delivery_id = rows.add_delivery(tx, row.id, event.seq, next_at=wall_now() + timedelta(days=1))
    with client() as http:
        posted = _post(project, http, row, delivery_id, event)
    state = "given-up" if posted.error else "delivered"
    with project.ledger.write(actor or project.actor) as tx:
        rows.tried(tx, delivery_id, Attempt(state=state, next_at=None, status=posted.status, error=posted.error))
        found = rows.find_delivery(tx.connection, delivery_id)
    if found is None:
        raise NotFound(f"the webhook '{name}' was removed meanwhile.")
    return found


def pause_s(attempts: int) -> float:
    """Return how long to wait after so many failed attempts.

    Example:
        >>> [pause_s(attempts) for attempts in (1, 2, 3, 20)]
        [5.0, 10.0, 20.0, 3600.0]
    """
    return min(FIRST_PAUSE_S * 2.0 ** min(attempts - 1, 30), LONGEST_PAUSE_S)


def _post_queue(project: Project, http: Any, row: WebhookRow, queue: list[DeliveryRow], told: dict[int, Event]) -> int:
    """Post what is due for one webhook, in order, until one fails; return how many posts were made."""
    for made, delivery in enumerate(queue):
        event = told.get(delivery.event_seq)
        if event is None:
            _note(project, delivery, Posted(_GONE, "the event is not in the ledger any more"))
            continue
        posted = _post(project, http, row, delivery.id, event)
        _note(project, delivery, posted)
        if posted.error:
            return made + 1
    return len(queue)


def _note(project: Project, delivery: DeliveryRow, posted: Posted) -> None:
    attempts = delivery.attempts + 1
    if not posted.error:
        attempt = Attempt(state="delivered", next_at=None, status=posted.status, error="")
    elif attempts >= MOST_ATTEMPTS or posted.status == _GONE:
        attempt = Attempt(state="given-up", next_at=None, status=posted.status, error=posted.error)
    else:
        again = wall_now() + timedelta(seconds=pause_s(attempts))
        attempt = Attempt(state="waiting", next_at=again, status=posted.status, error=posted.error)
    with project.ledger.write("system") as tx:
        rows.tried(tx, delivery.id, attempt)
        if posted.error and posted.status != _GONE:
            rest_s = min(pause_s(attempts), REST_S)
            rows.postpone(tx, delivery.webhook_id, wall_now() + timedelta(seconds=rest_s))


@contextmanager
def _limited(seconds: float) -> Iterator[dict[str, Any]]:
    """Give what a request needs so that its connection is shut when a block takes longer."""
    sockets: list[socket.socket] = []

    def noticed(event: str, told: dict[str, Any]) -> None:
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            sockets.append(told["return_value"].get_extra_info("socket"))

    def shut() -> None:
        for opened in sockets:
            with contextlib.suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, shut)
    timer.daemon = True
    timer.start()
    try:
        yield {"trace": noticed}
    finally:
        timer.cancel()


def _post(project: Project, http: Any, row: WebhookRow, delivery_id: str, event: Event) -> Posted:
    import httpx2

    secret = read_secret(project, row.id)
    if row.has_secret and secret is None:
        return Posted(None, "the secret is not on this machine; set it anew with: mlwright webhooks secret")
    body = None
    if row.dialect == webhook_bodies.MLFLOW:
        with project.ledger.read() as connection:
            body = webhook_bodies.mlflow_body(connection, event)
    timestamp = int(wall_now().timestamp())
    message = webhook_bodies.message(event, delivery_id=delivery_id, timestamp=timestamp, mlflow=body)
    headers = {"User-Agent": "mlwright-webhooks", **message.with_signature(secret)}
    try:
        # Only the status is read: an answer of endless length must not fill memory.
        with (
            _limited(MOST_S) as extensions,
            http.stream("POST", row.url, content=message.body, headers=headers, extensions=extensions) as response,
        ):
            status = int(response.status_code)
    except (httpx2.TransportError, httpx2.InvalidURL, OSError) as error:
        return Posted(None, (str(error) or type(error).__name__)[:_ERROR_LENGTH])
    if 200 <= status < 300:
        return Posted(status, "")
    return Posted(status, f"HTTP {status}" + (": redirects are not followed" if 300 <= status < 400 else ""))
