"""The training pipeline: features of the year (cached), a fit on a trailing window, a registered version."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlwright import Retry, log_metrics, log_params, pipeline, register_model, step
from mlwright.monitoring import build_profile
from mlwright.registry import Column, Evaluation, ModelVersion

from .data import Columns, load_tables
from .features import CATEGORIES, NUMBERS, build_features

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingClassifier

MODEL = "flight-delay"
#: An identifier that requests carry; only a candidate that memorises flights takes it for a feature.
FLIGHT_NUMBER = "flight_number"
#: Numbers carry no more than this, in training and in requests, where short ones are quick to write and to read.
DECIMALS = 3
#: A reference profile needs no more rows than this.
_PROFILE_ROWS = 10_000
#: A longer window than this is thinned, its newest part left whole.
_TRAINING_ROWS = 80_000
_WHOLE_DAYS = 45


class Window(NamedTuple):
    """Which rows a version is trained and judged on.

    Attributes:
        training: Row numbers, oldest first; a long window is thinned.
        known: How many rows it had before.
        holdout: Row numbers of the newest days, which training leaves out.
        recent: Row numbers of the 30 days before `as_of`, holdout included.
        until: End of training.
    """

    training: NDArray[np.int64]
    known: int
    holdout: NDArray[np.int64]
    recent: NDArray[np.int64]
    until: datetime


@step(retries=Retry(attempts=2), timeout_s=300)
def flight_features() -> Columns:
    """Return keys, labels and features of all flights; numbers as float32."""
    columns = build_features(load_tables())
    for name in NUMBERS:
        columns[name] = np.round(columns[name], DECIMALS).astype(np.float32)
    return columns


@step(timeout_s=300, env={"OMP_NUM_THREADS": "1"})
def train(
    flights: Columns, as_of: str, window_days: int, holdout_days: int, shuffle_labels: bool, memorise_flights: bool
) -> str:
    """Fit on the outcomes known at `as_of` and register a version; return its reference, for example flight-delay/3.

    Args:
        flights: What `flight_features` returns.
        as_of: ISO 8601 moment; no outcome that became known later is used.
        window_days: Length of the trailing window.
        holdout_days: Newest days that are left out of training, for the gate.
        shuffle_labels: Train on shuffled labels: a candidate that the gate has to refuse.
        memorise_flights: Take the flight number for a feature and refuse unknown ones: a candidate that looks well
            offline and fails in production when the schedule changes.
    """
    window = select(flights, datetime.fromisoformat(as_of), window_days, holdout_days)
    log_params(as_of=as_of, window_days=window_days, holdout_days=holdout_days, rows=len(window.training))
    label = flights["label"][window.training].astype(np.int64)
    categories = {name: _by_lateness(flights[name][window.training], label) for name in CATEGORIES}
    if memorise_flights:
        for name in (*CATEGORIES, FLIGHT_NUMBER):
            recent = {*flights[name][window.recent].tolist()} - {""}
            categories[name] = [*categories.get(name, []), *sorted(recent.difference(categories.get(name, [])))]
    if shuffle_labels:
        label = np.random.default_rng(0).permutation(label)
    model = fit(encode(flights, window.training, categories), label)
    return _register(flights, window, model, categories).ref


@pipeline(name="flights")
def train_flight_delay(
    as_of: str,
    window_days: int = 365,
    holdout_days: int = 5,
    shuffle_labels: bool = False,
    memorise_flights: bool = False,
) -> str:
    """Train and register a version on what is known at `as_of`."""
    return train(
        flight_features(),
        as_of=as_of,
        window_days=window_days,
        holdout_days=holdout_days,
        shuffle_labels=shuffle_labels,
        memorise_flights=memorise_flights,
    )


def select(flights: Columns, as_of: datetime, window_days: int, holdout_days: int) -> Window:
    """Return the rows whose outcome was known at a moment, split into training and the newest days."""
    now = int(as_of.timestamp()) // 60
    until = now - holdout_days * 24 * 60
    answered_at = asked_at(flights)
    known = (flights["label_at"].astype(np.int64) <= now) & ~np.isnan(flights["label"].astype(np.float64))
    in_window = (answered_at >= until - window_days * 24 * 60) & (answered_at < until)
    return Window(
        training=_thinned(np.flatnonzero(known & in_window), answered_at, until),
        known=int((known & in_window).sum()),
        holdout=np.flatnonzero(known & (answered_at >= until)),
        recent=np.flatnonzero(known & (answered_at >= now - 30 * 24 * 60)),
        until=as_of - timedelta(days=holdout_days),
    )


def _thinned(rows: NDArray[np.int64], answered_at: NDArray[np.int64], until: int) -> NDArray[np.int64]:
    """Return at most about `_TRAINING_ROWS` rows: all of the newest days, every so many-th of the older ones."""
    is_new = answered_at[rows] >= until - _WHOLE_DAYS * 24 * 60
    newest, older = rows[is_new], rows[~is_new]
    room = max(_TRAINING_ROWS - len(newest), 1)
    places = np.linspace(0, len(older) - 1, min(room, len(older))).astype(np.int64)
    return np.concatenate([older[places], newest])


def asked_at(flights: Columns) -> NDArray[np.int64]:
    """Return when each flight's prediction is asked for: at the end of the hour in which its features are known."""
    return (flights["predict_at"].astype(np.int64) // 60 + 1) * 60


def encode(flights: Columns, rows: NDArray[np.int64], categories: dict[str, list[str]]) -> NDArray[np.float32]:
    """Return the matrix that the estimator sees: categories by their place in the list, numbers as they are."""
    names = [*categories, *NUMBERS]
    matrix = np.empty((len(rows), len(names)), dtype=np.float32)
    for place, name in enumerate(names):
        values = flights[name][rows]
        matrix[:, place] = _places(values, categories[name]) if name in categories else values
    return matrix


def fit(matrix: NDArray[np.float32], label: NDArray[np.int64]) -> HistGradientBoostingClassifier:
    """Fit the gradient boosting that this example uses throughout."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(
        max_iter=60,
        learning_rate=0.1,
        max_leaf_nodes=15,
        min_samples_leaf=200,
        l2_regularization=10.0,
        max_bins=63,
        early_stopping=False,
        random_state=0,
    )
    return model.fit(matrix, label)


def frame(flights: Columns, rows: NDArray[np.int64], names: list[str]) -> Columns:
    """Return some rows as a model's input: unknown texts as None."""
    columns: Columns = {}
    for name in names:
        values = flights[name][rows]
        if values.dtype.kind == "U":
            values = values.astype(object)
            values[values == ""] = None
        columns[name] = values
    return columns


def _register(
    flights: Columns, window: Window, model: HistGradientBoostingClassifier, categories: dict[str, list[str]]
) -> ModelVersion:
    names = [*categories, *NUMBERS]
    holdout_score = model.predict_proba(encode(flights, window.holdout, categories))[:, 1]
    holdout_label = flights["label"][window.holdout].astype(np.float64)
    metrics = {
        "holdout_log_loss": log_loss(holdout_label, holdout_score),
        "training_rows": float(window.known),
        "fitted_rows": float(len(window.training)),
        "holdout_rows": float(len(window.holdout)),
    }
    log_metrics(metrics)
    sample = window.training[:: max(1, len(window.training) // _PROFILE_ROWS)]
    watched = [name for name in names if name != FLIGHT_NUMBER]
    since = str(flights["predict_at"][window.training[:1]].astype("datetime64[m]")[0])[:10]
    return register_model(
        MODEL,
        model,
        columns=[Column(name, "BYTES" if name in categories else "FP32", nullable=True) for name in names],
        categories=categories,
        unknown="error" if FLIGHT_NUMBER in categories else "missing",
        example=frame(flights, window.training[-3:], names),
        metrics=metrics,
        reference=build_profile(
            frame(flights, sample, watched), model.predict_proba(encode(flights, sample, categories))[:, 1]
        ),
        evaluation=Evaluation(
            columns=frame(flights, window.holdout, names),
            labels=holdout_label,
            groups=flights["predict_at"][window.holdout] // 60,
        ),
        trained_until=window.until,
        description=f"trained on {window.known:,} flights from {since} to {window.until:%Y-%m-%d}",
    )


def log_loss(label: NDArray[np.float64], score: NDArray[np.float64]) -> float:
    """Return the mean negative log likelihood of labels (0 or 1) under scores (shape [rows] both)."""
    clipped = np.clip(score, 1e-6, 1 - 1e-6)
    return float(-(label * np.log(clipped) + (1 - label) * np.log1p(-clipped)).mean())


def _by_lateness(values: NDArray[np.str_], label: NDArray[np.int64]) -> list[str]:
    """Return the categories, the least often late first: in this order a tree splits them like a number."""
    names, code = np.unique(values, return_inverse=True)
    share = np.bincount(code, weights=label) / np.bincount(code)
    return [name for name in names[np.argsort(share, kind="stable")].tolist() if name]


def _places(values: NDArray[np.str_], known: list[str]) -> NDArray[np.float64]:
    """Return each value's place in a list of categories, NaN for those that aren't in it."""
    order = np.argsort(known)
    names = np.array(known)[order]
    place = np.minimum(np.searchsorted(names, values), len(names) - 1)
    return np.where(names[place] == values, order[place], np.nan)
