"""Replaying the year: each hour's flights through the gateway over HTTP, outcomes a day later, the clock in event time.

The order is what makes a killed replay resumable: everything up to a moment is answered before the clock moves to it,
the ledger keeps where the clock stands, and each request has a name of its own. So a replay that starts again goes on
from the clock; what it sends twice is counted once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import httpx2
import msgspec
import numpy as np
from numpy.typing import NDArray

from mlwright.api import Client

from .data import Columns
from .features import CATEGORIES, NUMBERS
from .pipeline import DECIMALS, FLIGHT_NUMBER, asked_at
from .system import DEPLOYMENT

HOUR = 60
#: The first version is judged against the base rate: that takes more days than a comparison with a champion.
FIRST = {"holdout_days": 14}
#: The controllers look at the world this often, in event time: once a day, and more often while a canary runs.
DAY = timedelta(days=1)
CANARY_TICK = timedelta(hours=6)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Arrival(NamedTuple):
    """A candidate that somebody brings at a moment of the replay.

    Attributes:
        key: Its name.
        at: When.
        arguments: What the pipeline is given.
    """

    key: str
    at: datetime
    arguments: dict[str, Any]


class Position(NamedTuple):
    """Where the replay stands.

    Attributes:
        now: The clock.
        sent: Flights sent by this process.
        serving: Who answers, for example `v3` or `v3 90% v4 10%`.
        actions: What the controllers did at this moment.
    """

    now: datetime
    sent: int
    serving: str
    actions: list[str]


class Replay:
    """One replay of some stretch of the year.

    Args:
        client: The server's control plane.
        http: Connection to the server's gateway.
        flights: Gives what `flight_features` returns; asked when the first version has been trained.
        arrivals: Candidates that come on the way.
    """

    def __init__(
        self, client: Client, http: httpx2.Client, flights: Callable[[], Columns], arrivals: list[Arrival]
    ) -> None:
        self._client = client
        self._http = http
        self._read = flights
        self._waiting = sorted(arrivals, key=lambda arrival: arrival.at)
        self._sent = 0
        self._serving = ""

    def run(self, start: datetime, end: datetime, on_step: Callable[[Position], None]) -> None:
        """Replay from where the clock stands (at least `start`) to `end`."""
        now = self._client.call("clock.show").now
        if now <= start:
            self._client.call("systems.fire", system="flights", trigger="train", key="first", arguments=FIRST)
        on_step(self._advance(now))
        self._open(self._read())
        while now < end:
            until = min(self._next_tick(now, start), end)
            for moment in _hours(now, until):
                self._label(moment)
                self._predict(moment)
            now = until
            self._bring(now)
            on_step(self._advance(now))

    def _next_tick(self, now: datetime, start: datetime) -> datetime:
        if " " in self._serving:
            return now + CANARY_TICK
        return now + DAY - (now - start) % DAY

    def _open(self, flights: Columns) -> None:
        self._flights = flights
        self._predicted = _Slices(asked_at(flights) - 1)
        self._labelled = _Slices(flights["label_at"].astype(np.int64))

    def _advance(self, now: datetime) -> Position:
        state = self._client.call("clock.advance", now=now)
        if state.actions or not self._serving:
            deployment = self._client.call("deployments.show", deployment=DEPLOYMENT)
            shown = [f"v{arm.version} {arm.weight:.0%}" for arm in deployment.arms]
            self._serving = shown[0].split()[0] if len(shown) == 1 else " ".join(shown)
        return Position(state.now, self._sent, self._serving or "nothing", state.actions)

    def _bring(self, now: datetime) -> None:
        """Start the training of a candidate whose time has come, unless another one is being rolled out."""
        if not self._waiting or self._waiting[0].at > now:
            return
        if self._client.call("deployments.show", deployment=DEPLOYMENT).rollout_id is None:
            arrival = self._waiting.pop(0)
            key, arguments = arrival.key, {"as_of": now.isoformat(), **arrival.arguments}
            self._client.call("systems.fire", system="flights", trigger="train", key=key, arguments=arguments)

    def _predict(self, moment: datetime) -> None:
        rows = self._predicted.before(_minutes(moment))
        if not len(rows):
            return
        body = msgspec.json.encode(
            {
                "id": f"flights-{moment:%Y-%m-%dT%H}",
                "parameters": {"event_time": moment.isoformat()},
                "inputs": list(_tensors(self._flights, rows)),
            }
        )
        response = self._http.post(f"/v2/models/{DEPLOYMENT}/infer", content=body)
        response.raise_for_status()
        self._sent += len(rows)

    def _label(self, moment: datetime) -> None:
        rows = self._labelled.before(_minutes(moment))
        label = self._flights["label"][rows].astype(np.float64)
        ids = self._flights["flight_id"][rows].tolist()
        known = {id_: value for id_, value in zip(ids, label.tolist(), strict=True) if value == value}
        if known:
            self._client.call("deployments.feedback", deployment=DEPLOYMENT, labels=known, at=moment)


class _Slices:
    """Rows by the hour that ends with a moment.

    Args:
        minutes: Moment of each row, minutes since 1970 UTC.
    """

    def __init__(self, minutes: NDArray[np.int64]) -> None:
        self._order = np.argsort(minutes, kind="stable")
        self._minutes = minutes[self._order]

    def before(self, end: int) -> NDArray[np.int64]:
        """Return the rows of the hour before `end`."""
        first, last = np.searchsorted(self._minutes, [end - HOUR, end])
        return self._order[first:last]


def _tensors(flights: Columns, rows: NDArray[np.int64]) -> Iterator[dict[str, Any]]:
    for name in (*NUMBERS, *CATEGORIES, FLIGHT_NUMBER, "flight_id"):
        values = flights[name][rows]
        text = values.dtype.kind == "U"
        data = [value or None for value in values.tolist()] if text else _short(values)
        yield {"name": name, "datatype": "BYTES" if text else "FP32", "shape": [len(rows)], "data": data}


def _short(values: NDArray[np.float32]) -> list[float]:
    # The same decimals as in training, so that they become the same float32 again.
    return np.round(values.astype(np.float64), DECIMALS).tolist()  # type: ignore[no-any-return]


def _hours(after: datetime, until: datetime) -> Iterator[datetime]:
    moment = after
    while moment < until:
        moment += timedelta(hours=1)
        yield moment


def _minutes(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(minutes=1)
