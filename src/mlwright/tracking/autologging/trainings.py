"""Trainings that are a function's call: `train(params, data, callbacks=...)`, `model.fit(..., callbacks=...)`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import msgspec

from mlwright.tracking.autologging.fits import Fit, Fits, current_fit, safely

#: The arguments of a call by name. What is changed in it is changed in the call.
Arguments = dict[str, Any]


class Steps(msgspec.Struct, frozen=True):
    """What a library does around a training.

    Attributes:
        name: What a run that is begun for it is called.
        follow: Has the iterations logged, by a callback more among the arguments.
        before: Logs what is known before.
        after: Logs what is known afterwards; is given the result and the arguments.
        done: Takes back what `follow` changed, however the training ended.
        is_logged: Tells whether a call is worth a record; all are by default.
    """

    name: str
    follow: Callable[[Fit, Arguments], None]
    before: Callable[[Fit, Arguments], None]
    after: Callable[[Fit, Any, Arguments], None]
    done: Callable[[Arguments], None] | None = None
    is_logged: Callable[[Arguments], bool] | None = None


def watched(fits: Fits, original: Callable[..., Any], steps: Steps) -> Any:
    """Return a function that does what the original does, and has it logged.

    Args:
        fits: What watches.
        original: What trains.
        steps: What is done around it.
    """

    @functools.wraps(original)
    def train(*args: Any, **more: Any) -> Any:
        outer = current_fit()
        if not fits.is_on or (outer is not None and not outer.claims(fits.library)):
            return original(*args, **more)
        if outer is not None:
            # Called by an estimator's `fit`, which logs the rest.
            call = _Call(original, args, more)
            safely(f"iterations of {fits.library}", call.change, steps.follow, outer)
            return call()
        call = _Call(original, args, more)
        wanted = steps.is_logged is None or safely(f"whether to log {fits.library}", steps.is_logged, call.arguments)
        with fits.watch(steps.name, is_logged=bool(wanted)) as seen:
            if seen is None:
                return call()
            safely(f"what {fits.library} fits", steps.before, seen, call.arguments)
            safely(f"iterations of {fits.library}", call.change, steps.follow, seen)
            try:
                result = call()
            finally:
                if steps.done is not None:
                    safely(f"the end of {fits.library}", steps.done, call.arguments)
            safely("the duration of a fit", seen.took)
            safely(f"what {fits.library} found", steps.after, seen, result, call.arguments)
            return result

    return train


class _Call:
    """A call whose arguments may be changed before it is made; as it was given if that fails."""

    def __init__(self, original: Callable[..., Any], args: tuple[Any, ...], more: dict[str, Any]) -> None:
        self._original = original
        self._args, self._more = args, more
        self._signature: inspect.Signature | None = None
        self.arguments: Arguments = {}
        try:
            self._signature = inspect.signature(original)
            self.arguments = dict(self._signature.bind(*args, **more).arguments)
        except (TypeError, ValueError):
            # The original says what is wrong with its arguments.
            return

    def change(self, follow: Callable[[Fit, Arguments], None], fit: Fit) -> None:
        if self._signature is None or not self.arguments:
            return
        follow(fit, self.arguments)
        bound = self._signature.bind_partial()
        bound.arguments.update(self.arguments)
        self._args, self._more = bound.args, bound.kwargs

    def __call__(self) -> Any:
        return self._original(*self._args, **self._more)
