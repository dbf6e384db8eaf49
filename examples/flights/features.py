"""Features of a flight, as known one hour before its scheduled departure.

What may be used at an instant:
  - the published schedule of every flight, tail numbers and plane facts (at any time);
  - a weather row from an hour after its `time_hour` on, because it may be measured at any minute of that hour;
  - a departure of another flight from the minute on at which it happened;
  - that a flight has not departed yet, once its schedule has passed. Nobody is told of cancellations here.

`known_at` cuts the raw tables down to an instant; the tests prove that features of flights predicted before that
instant stay the same.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .data import LATE_MINUTES, WEATHER_VALUES, Columns, Tables, label_times

LEAD = 60
WEATHER_DELAY = 60
WEATHER_STALE = 6 * 60
WAITING_AT_MOST = 180
_DELAY_RANGE = (-15.0, 240.0)

CATEGORIES = ("carrier", "origin", "dest", "engine")
NUMBERS = (
    *("minute_of_day", "weekday", "scheduled_minutes", "distance", "plane_year", "seats"),
    *WEATHER_VALUES,
    *("temp_change_3h", "pressure_change_3h", "wind_change_3h", "precip_3h", "visib_min_3h"),
    *("scheduled_this_hour", "scheduled_next_hour"),
    *("origin_departures_1h", "origin_delay_1h", "origin_late_1h"),
    *("origin_departures_3h", "origin_delay_3h", "origin_late_3h"),
    *("carrier_departures_3h", "carrier_delay_3h", "carrier_late_3h"),
    *("city_delay_1h", "dest_departures_6h", "dest_delay_6h"),
    *("waiting", "waiting_minutes", "carrier_waiting"),
)
KEYS = ("flight_id", "flight_number", "day", "scheduled", "predict_at", "label_at", "label")

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def build_features(tables: Tables) -> Columns:
    """Return one row a flight, in order of schedule: keys, label and features.

    Args:
        tables: The raw tables.

    Returns:
        `flight_id`; `flight_number` (with its carrier); `day` (local date, days since 1970); `scheduled`,
        `predict_at` and `label_at` (minutes since 1970 UTC); `label` (1.0 late, 0.0 not, NaN never known); the
        CATEGORIES as texts (empty: unknown); the NUMBERS as float64 (NaN: unknown).
    """
    flights = tables.flights
    scheduled = flights["scheduled"].astype(np.int64)
    arrival_delay = flights["arr_delay"].astype(np.float64)
    label = np.where(np.isnan(arrival_delay), np.nan, arrival_delay > LATE_MINUTES)
    columns: Columns = {
        "flight_id": flights["flight_id"],
        "flight_number": flights["flight_number"],
        "day": flights["day"],
        "scheduled": scheduled,
        "predict_at": scheduled - LEAD,
        "label_at": label_times(flights),
        "label": label,
        "carrier": flights["carrier"],
        "origin": flights["origin"],
        "dest": flights["dest"],
    }
    columns |= _schedule(flights)
    columns |= _plane(flights, tables.planes)
    columns |= _weather(flights, tables.weather)
    columns |= _operations(flights)
    return columns


def known_at(tables: Tables, instant: int) -> Tables:
    """Return the raw tables as they could be known at an instant (minutes since 1970 UTC).

    Departures, arrivals and weather readings of later are removed; the schedule stays.
    """
    flights = dict(tables.flights)
    delay = flights["dep_delay"].astype(np.float64)
    departed_at = flights["scheduled"].astype(np.int64) + np.where(np.isnan(delay), np.inf, delay)
    flights["dep_delay"] = np.where(departed_at <= instant, delay, np.nan)
    arrived = departed_at + np.nan_to_num(flights["air_time"].astype(np.float64), nan=np.inf) <= instant
    for name in ("arr_delay", "air_time"):
        flights[name] = np.where(arrived, flights[name], np.nan)
    readable = tables.weather["time"].astype(np.int64) + WEATHER_DELAY <= instant
    weather = {name: values[readable] for name, values in tables.weather.items()}
    return Tables(flights, weather, tables.planes)


class _Timeline:
    """Events of several groups in order of time: counts and sums over a stretch of time by binary search.

    Args:
        group: Group of each event, small integers.
        time: Instant of each event.
        values: Numbers to sum up, by name.
    """

    def __init__(self, group: Integers, time: Integers, values: Columns | None = None) -> None:
        key = _key(group, time)
        order = np.argsort(key, kind="stable")
        self._key = key[order]
        self._sums = {
            name: np.concatenate(([0.0], np.cumsum(value[order].astype(np.float64))))
            for name, value in (values or {}).items()
        }
        self.order = order

    def position(self, group: Integers, time: Integers) -> Integers:
        """Return how many events come before or at an instant in a group (all smaller groups' events included)."""
        return np.searchsorted(self._key, _key(group, time), side="right").astype(np.int64)

    def sum_to(self, name: str, position: Integers) -> Floats:
        """Return the sum of a value over all events before a position."""
        return self._sums[name][position]

    def window(self, group: Integers, after: Integers, until: Integers) -> tuple[Floats, dict[str, Floats]]:
        """Return the count, and the mean of each value (NaN where there is none), over `after` < time <= `until`."""
        first, last = self.position(group, after), self.position(group, until)
        count = (last - first).astype(np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            means = {name: (sums[last] - sums[first]) / count for name, sums in self._sums.items()}
        return count, means


def _key(group: Integers, time: Integers) -> Integers:
    # One integer for (group, time): minutes since 1970 stay below 2**31 for four thousand years.
    return (group.astype(np.int64) << 32) + time


def _codes(*columns: NDArray[np.generic]) -> Integers:
    """Return one small integer for each distinct combination of values."""
    code = np.zeros(len(columns[0]), dtype=np.int64)
    for values in columns:
        _, inverse = np.unique(values, return_inverse=True)
        code = code * (int(inverse.max(initial=0)) + 1) + inverse
    return code


def _schedule(flights: Columns) -> Columns:
    minute = flights["minute_of_day"].astype(np.int64)
    hhmm = flights["scheduled_arrival"].astype(np.int64)
    arrival = hhmm // 100 * 60 + hhmm % 100
    scheduled = flights["scheduled"].astype(np.int64)
    origin = _codes(flights["origin"])
    timeline = _Timeline(origin, scheduled)
    hour = scheduled - scheduled % 60
    edges = [timeline.position(origin, hour + minutes) for minutes in (-1, 59, 119)]
    return {
        "minute_of_day": minute.astype(np.float64),
        "weekday": ((flights["day"].astype(np.int64) + 3) % 7).astype(np.float64),
        # By the clocks on the wall at both ends; the zones' difference is constant for a destination.
        "scheduled_minutes": ((arrival - minute + 360) % 1440 - 360).astype(np.float64),
        "distance": flights["distance"],
        "scheduled_this_hour": (edges[1] - edges[0]).astype(np.float64),
        "scheduled_next_hour": (edges[2] - edges[1]).astype(np.float64),
    }


def _plane(flights: Columns, planes: Columns) -> Columns:
    order = np.argsort(planes["tailnum"])
    place = np.searchsorted(planes["tailnum"], flights["tailnum"], sorter=order)
    row = order[np.minimum(place, len(order) - 1)]
    known = planes["tailnum"][row] == flights["tailnum"]
    return {
        "plane_year": np.where(known, planes["year"][row], np.nan),
        "seats": np.where(known, planes["seats"][row], np.nan),
        "engine": np.where(known, planes["engine"][row], ""),
    }


def _weather(flights: Columns, weather: Columns) -> Columns:
    names = np.unique(np.concatenate([flights["origin"], weather["origin"]]))
    origin = np.searchsorted(names, flights["origin"]).astype(np.int64)
    place = np.searchsorted(names, weather["origin"]).astype(np.int64)
    readable_at = weather["time"].astype(np.int64) + WEATHER_DELAY
    timeline = _Timeline(place, readable_at)
    first_of_origin = timeline.position(origin, np.zeros_like(origin))
    predict_at = flights["scheduled"].astype(np.int64) - LEAD

    def newest(hours_before: int) -> Columns:
        at = predict_at - 60 * hours_before
        position = timeline.position(origin, at) - 1
        known = position >= first_of_origin
        row = timeline.order[np.maximum(position, 0)] if len(readable_at) else np.zeros_like(position)
        if not len(readable_at):
            return {name: np.full(len(at), np.nan) for name in WEATHER_VALUES}
        known &= at - readable_at[row] <= WEATHER_STALE
        return {name: np.where(known, weather[name][row], np.nan) for name in WEATHER_VALUES}

    now, *before = (newest(hours) for hours in range(4))
    columns: Columns = dict(now)
    # No gust reported with a reading means no gust.
    columns["wind_gust"] = np.where(~np.isnan(now["temp"]) & np.isnan(now["wind_gust"]), 0.0, now["wind_gust"])
    changes = (("temp_change_3h", "temp"), ("pressure_change_3h", "pressure"), ("wind_change_3h", "wind_speed"))
    for name, value in changes:
        columns[name] = now[value].astype(np.float64) - before[2][value].astype(np.float64)
    recent = [now, *before[:2]]
    columns["precip_3h"] = np.nansum([row["precip"] for row in recent], axis=0)
    columns["visib_min_3h"] = np.fmin.reduce([row["visib"].astype(np.float64) for row in recent])
    return columns


def _operations(flights: Columns) -> Columns:
    """What the airport sees: recent departures of other flights, and flights that should have left and haven't."""
    scheduled = flights["scheduled"].astype(np.int64)
    predict_at = scheduled - LEAD
    delay = flights["dep_delay"].astype(np.float64)
    gone = ~np.isnan(delay)
    departed_at = scheduled[gone] + delay[gone].astype(np.int64)
    clipped = np.clip(delay[gone], *_DELAY_RANGE)
    values: Columns = {"delay": clipped, "late": delay[gone] > LATE_MINUTES}
    origin, dest = _codes(flights["origin"]), _codes(flights["dest"])
    carrier = _codes(flights["origin"], flights["carrier"])
    city = np.zeros(len(scheduled), dtype=np.int64)

    def recent(prefix: str, group: Integers, hours: int) -> Columns:
        timeline = _Timeline(group[gone], departed_at, values)
        count, means = timeline.window(group, predict_at - 60 * hours, predict_at)
        return {
            f"{prefix}_departures_{hours}h": count,
            f"{prefix}_delay_{hours}h": means["delay"],
            f"{prefix}_late_{hours}h": means["late"],
        }

    columns = recent("origin", origin, 1) | recent("origin", origin, 3) | recent("carrier", carrier, 3)
    columns["city_delay_1h"] = recent("city", city, 1)["city_delay_1h"]
    at_dest = recent("dest", dest, 6)
    columns |= {name: at_dest[name] for name in ("dest_departures_6h", "dest_delay_6h")}
    left_at = np.full(len(scheduled), np.iinfo(np.int32).max, dtype=np.int64)
    left_at[gone] = departed_at
    columns["waiting"], columns["waiting_minutes"] = _waiting(origin, scheduled, left_at)
    columns["carrier_waiting"], _ = _waiting(carrier, scheduled, left_at)
    return columns


def _waiting(group: Integers, scheduled: Integers, left_at: Integers) -> tuple[Floats, Floats]:
    """Return how many flights of the group wait at each prediction, and for how many minutes on average."""
    until = np.minimum(left_at, scheduled + WAITING_AT_MOST)
    waits = until > scheduled
    # Times are taken from the first schedule on, so that sums of them stay exact.
    since = int(scheduled.min(initial=0)) if len(scheduled) else 0
    began: Columns = {"began": scheduled[waits] - since}
    starts = _Timeline(group[waits], scheduled[waits], began)
    ends = _Timeline(group[waits], until[waits], began)
    predict_at = scheduled - LEAD
    # Both timelines hold the same flights of all smaller groups, so the differences are this group's alone.
    started, ended = starts.position(group, predict_at), ends.position(group, predict_at)
    count = (started - ended).astype(np.float64)
    began_sum = starts.sum_to("began", started) - ends.sum_to("began", ended)
    minutes = (count * (predict_at - since) - began_sum) / np.maximum(count, 1)
    return count, minutes
