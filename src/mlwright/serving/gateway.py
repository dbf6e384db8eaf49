"""The gateway: each request finds its deployment, each row its version, and each answer its place in the log.

What serves is an immutable `Route` for each deployment, replaced as a whole when the ledger's traffic changes; a
request works with the one it found. Models are loaded outside the requests: until a new one is ready, the old serve.
"""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from mlwright.core.clock import ReplayClock, parse_time
from mlwright.core.ids import new_id
from mlwright.errors import InvalidInput, ModelFailed, did_you_mean
from mlwright.serving import inference_log, oip, scoring
from mlwright.serving import payload as packing
from mlwright.serving.arms import Route, assign
from mlwright.serving.payload import Payload
from mlwright.serving.routes import ID_COLUMN, Routes
from mlwright.serving.scoring import Scored

if TYPE_CHECKING:
    from mlwright.project import Project

# Beside the model's own output, a request may ask for the version and the id of each row's prediction.
_EXTRA_OUTPUTS = ("version", ID_COLUMN)
_encoder = msgspec.json.Encoder()


class Answer(msgspec.Struct, frozen=True):
    """The answer to an inference request.

    Attributes:
        body: The response's JSON.
        is_repeated: True when this very request had been answered before: this is the recorded answer.
    """

    body: bytes
    is_repeated: bool = False


class Gateway:
    """Answers inference requests of all deployments. Safe to share between threads.

    Args:
        project: Whose deployments.
        refresh_s: After how many seconds a request looks whether another process has changed the traffic.
    """

    def __init__(self, project: Project, *, refresh_s: float = 1.0) -> None:
        self.project = project
        self.routes = Routes(project, refresh_s=refresh_s)

    def refresh(self) -> None:
        """Read the traffic from the ledger and load what it needs; return when it serves."""
        self.routes.refresh()

    def close(self) -> None:
        """Stop loading models in the background."""
        self.routes.close()

    def infer(self, name: str, body: bytes, version: str | None = None) -> Answer:
        """Answer an inference request of the Open Inference Protocol.

        A request with an id is answered once: sent again with the same tensors, it gets the recorded answer. Another
        request under the same id is answered and logged for itself.

        Args:
            name: Name of the deployment, or of a model when `version` is given.
            body: The request's JSON.
            version: Version to answer, whatever the traffic says.

        Raises:
            NotFound: There is no such deployment, model or version.
            InvalidInput: The request isn't one of the protocol, or doesn't fit the model's signature.
            ModelFailed: The stable version can't answer.
        """
        started = time.perf_counter()
        route = self.routes.find(name, version)
        request = oip.decode_request(body)
        _check_outputs(request, route)
        key = request.id or new_id()
        digest = oip.digest_of(request)
        if request.id and route.deployment:
            found = inference_log.find(self.project, route.deployment, key)
            if found is not None and found.inputs != digest:
                key = f"{key}~{digest.hex()[:12]}"
                found = inference_log.find(self.project, route.deployment, key)
            if found is not None:
                return Answer(_response(route, request, found), is_repeated=True)
        at = self._moment(request)
        payload = self._answer(route, request, key, digest, started)
        if not route.deployment or not payload.ids:
            return Answer(_response(route, request, _checked(route, payload)))
        return self._log(route, request, key, at, payload)

    def _answer(self, route: Route, request: oip.InferRequest, key: str, digest: bytes, started: float) -> Payload:
        columns = oip.read_columns(request, route.stable.version.signature.inputs, route.allowed)
        rows = len(next(iter(columns.values())))
        units, ids = _units(route, columns, key, rows)
        features = {name: values for name, values in columns.items() if name in route.features}
        arm = assign(route.arms, units, route.salt)
        scored = scoring.score(route, columns, arm) if rows else _nothing()
        return Payload(
            request=request.id or key,
            inputs=digest,
            ids=ids,
            arms=[(arm.name, arm.version.version) for arm in route.arms],
            arm=scored.arm.tobytes(),
            answered_by=scored.answered_by.tobytes(),
            failed=scored.failed.astype(np.uint8).tobytes(),
            output=route.stable.version.signature.outputs[0].name,
            score=scored.score.astype("<f8").tobytes(),
            baseline=b"" if scored.baseline is None else scored.baseline.astype("<f8").tobytes(),
            latency_s=time.perf_counter() - started,
            error=scored.error,
            features=packing.pack_features(features),
        )

    def _log(self, route: Route, request: oip.InferRequest, key: str, at: datetime, payload: Payload) -> Answer:
        if not payload.is_answered:
            # A failed attempt is a fact of its own: the same request may be tried again, and may succeed.
            inference_log.append(self.project, route.deployment, f"{key}!{new_id()}", at, payload)
        if inference_log.append(self.project, route.deployment, key, at, _checked(route, payload)):
            return Answer(_response(route, request, payload))
        # Another thread was faster with the same request: its answer is the one.
        found = inference_log.find(self.project, route.deployment, key)
        return Answer(_response(route, request, found or payload), is_repeated=True)

    def _moment(self, request: oip.InferRequest) -> datetime:
        """Return the time of a request: now, or what it says itself while past data are replayed."""
        told = (request.parameters or {}).get("event_time")
        if told is None or not isinstance(self.project.clock, ReplayClock):
            return self.project.clock.now()
        if not isinstance(told, str):
            raise InvalidInput(f"the parameter event_time is {told!r}, which is no time.", fix="write it as ISO 8601")
        return parse_time(told)


def _checked(route: Route, payload: Payload) -> Payload:
    if payload.is_answered:
        return payload
    raise ModelFailed(
        f"'{route.name}' can't answer: its version {route.stable.version.ref} failed.",
        why=payload.error,
        fix=f"mlwright deployments rollback {route.deployment}" if route.deployment else None,
    )


def _units(route: Route, columns: dict[str, np.ndarray], key: str, rows: int) -> tuple[list[str], list[str]]:
    """Return for each row what it is routed by and what its prediction is called."""
    routed = columns.get(route.route_by) if route.route_by else None
    named = columns.get(ID_COLUMN)
    own = [f"{key}:{place}" for place in range(rows)]
    units = [key] * rows if routed is None else _texts(routed, own)
    if named is not None:
        return units, _texts(named, own)
    return units, own if routed is None else units


def _texts(values: np.ndarray, otherwise: list[str]) -> list[str]:
    return [other if value is None else str(value) for value, other in zip(values.tolist(), otherwise, strict=True)]


def _nothing() -> Scored:
    """Return how a batch without rows is answered."""
    none = np.empty(0, dtype=np.uint8)
    return Scored(score=np.empty(0), baseline=None, arm=none, answered_by=none, failed=none.astype(bool), error="")


def _check_outputs(request: oip.InferRequest, route: Route) -> None:
    output = route.stable.version.signature.outputs[0].name
    known = [output, *_EXTRA_OUTPUTS]
    for wanted in request.outputs or []:
        if wanted.name not in known:
            raise InvalidInput(f"the model has no output '{wanted.name}'.", fix=did_you_mean(wanted.name, known))


def _response(route: Route, request: oip.InferRequest, payload: Payload) -> bytes:
    """Return the response's JSON, made from what is logged and nothing else, so that a retry gets the same bytes."""
    rows = len(payload.ids)
    numbers = [payload.arms[index][1] for index in payload.answered_by]
    versions = sorted(set(numbers))
    wanted = [output.name for output in request.outputs or []] or [payload.output]
    outputs: list[oip.OutputTensor] = []
    for name in wanted:
        if name == "version":
            outputs.append(oip.OutputTensor(name, [rows], "INT64", numbers))
        elif name == ID_COLUMN:
            outputs.append(oip.OutputTensor(name, [rows], "BYTES", payload.ids))
        else:
            outputs.append(oip.OutputTensor(name, [rows], "FP64", packing.floats(payload.score).tolist()))
    response = oip.InferResponse(
        model_name=route.name,
        id=payload.request,
        outputs=outputs,
        model_version=str(versions[0]) if len(versions) == 1 else None,
        parameters={"model_versions": ",".join(map(str, versions))} if len(versions) > 1 else None,
    )
    return _encoder.encode(response)
