"""Runs one of the HTTP servers in a thread with an event loop of its own."""

from __future__ import annotations

import asyncio
import atexit
import importlib.util
import socket
import threading
from concurrent.futures import Future
from contextlib import suppress

from ..cli import servers
from ..cli.lifespans import lived
from ..cli.servers import Application, Limits
from ..cli.worker import end_streams, loop_factory

START_SECONDS = 60.0


class Background:
    """An application that is served over a listening socket, which it closes at the end.

    The thread is a daemon, so a script that does not stop the server can end.
    """

    def __init__(self, application: Application, listener: socket.socket, limits: Limits, patience: float) -> None:
        self.application = application
        self.listener = listener
        self.port: int = listener.getsockname()[1]
        self.limits = limits
        self.patience = patience
        self._loop: Future[asyncio.AbstractEventLoop] = Future()
        self._ending = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="tiled_zarr.serve", daemon=True)

    @property
    def is_running(self) -> bool:
        """Whether it answers requests."""
        return self._thread.is_alive() and not self._ending.is_set()

    def start(self) -> None:
        """Return when the server accepts connections. Raises what keeps it from starting."""
        self._thread.start()
        self._loop.result(START_SECONDS)
        atexit.register(self.stop)

    def stop(self) -> None:
        """Finish the requests under way, close the socket, end the thread. May be called again."""
        atexit.unregister(self.stop)
        if self._thread.is_alive():
            with suppress(RuntimeError):  # the loop has closed meanwhile
                self._loop.result().call_soon_threadsafe(self._ending.set)
            self._thread.join()

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=loop_factory()) as runner, self.listener:
                runner.run(self._serve())
        except BaseException as error:
            if self._loop.done():
                raise
            self._loop.set_exception(error)

    async def _serve(self) -> None:
        async with lived(self.application):
            server = servers.server(best(), self.application, self.listener, self.limits)
            await server.start()
            self._loop.set_result(asyncio.get_running_loop())
            await self._ending.wait()
            server.stop_accepting()
            end_streams(self.application)
            with suppress(TimeoutError):
                await asyncio.wait_for(server.finish(), self.patience)


def best() -> str:
    """The name of the server: uvicorn, the faster one, if it is installed."""
    return "hypercorn" if importlib.util.find_spec("uvicorn") is None else "uvicorn"
