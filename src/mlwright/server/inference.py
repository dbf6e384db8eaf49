"""Serving inside the server: loaded once something is deployed or asked for, for its libraries take long to load."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from mlwright.errors import MissingExtra
from mlwright.ledger import delivery
from mlwright.server.control import failure

if TYPE_CHECKING:
    from mlwright.project import Project
    from mlwright.serving import OipApp


class Inference:
    """Answers `/v2`; a server without deployments is ready sooner and smaller for not having loaded it.

    Args:
        project: Whose deployments are served.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._app: OipApp | None = None
        self._making = threading.Lock()
        self.refresh()

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        """Answer one request."""
        app = self._app
        if app is None:
            try:
                app = await asyncio.to_thread(self._made)
            except MissingExtra as error:
                await failure(error)(scope, receive, send)
                return
        await app(scope, receive, send)

    def refresh(self) -> None:
        """See new traffic; return when it serves."""
        if self._app is None:
            with self._project.ledger.read() as connection:
                if not delivery.current_arms(connection):
                    return
            self._made()
        else:
            self._app.gateway.refresh()

    def close(self) -> None:
        """Finish what is under way."""
        if self._app is not None:
            self._app.close()
            self._app.gateway.close()

    def _made(self) -> OipApp:
        from mlwright.serving import Gateway, OipApp

        with self._making:
            if self._app is None:
                self._app = OipApp(Gateway(self._project))
            return self._app
