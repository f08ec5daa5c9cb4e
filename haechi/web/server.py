"""The web server: Granian in this process, until SIGINT or SIGTERM; a request that is under way is answered first."""

import asyncio
import gc
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from sqlalchemy.exc import DBAPIError

from haechi.model.errors import HaechiError, NodeCannot, UsageError
from haechi.node import release, tls
from haechi.node.home import Home
from haechi.web.app import create

HEADER_MILLISECONDS: Final = 10_000  # in which a request's header fields must come
RELEASE_SECONDS: Final = 30.0  # between two looks at what is due to leave or to be taken back
DRAIN_SECONDS: Final = 3.0  # for what is under way when the server is to stop
_WAITING: Final = 1_024  # connections not yet taken up
_BUFFER: Final = 65_536  # bytes of one request's header fields at most


@dataclass(frozen=True, slots=True)
class Place:
    """Where and how to listen: on a unix socket, or on an address and port; `tls` with the node's own certificate."""

    host: str = "127.0.0.1"
    port: int = 8585
    unix: Path | None = None
    tls: bool = False
    behind_proxy: bool = False

    @property
    def url(self) -> str:
        """As a person would write it."""
        if self.unix is not None:
            return f"unix:{self.unix}"
        shown = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{shown}:{self.port}"


def check(place: Place) -> None:
    """Whether to listen there. Raises `UsageError` for an open address without TLS, `NodeCannot` for one in use."""
    if place.unix is not None:
        if place.unix.is_socket():
            place.unix.unlink()  # of a server that is gone, or that nobody reaches from now on
        return
    if not (_is_loopback(place.host) or place.tls or place.behind_proxy):
        raise UsageError("serve.open", host=place.host)
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    with socket.socket(family) as probe:  # the server shares its port, so it would not notice another one
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((place.host, place.port))
        except OSError as error:
            raise NodeCannot("serve.address", host=place.host, port=place.port, cause=error.strerror or "") from error


def serve(home: Home, place: Place, *, started: Callable[[], None], access_log: Path | None = None) -> None:
    """Serve the node until a signal says to stop; `started` is called once connections are taken."""
    check(place)
    with _logged(access_log):
        asyncio.run(_serve(home, place, started))


async def _serve(home: Home, place: Place, started: Callable[[], None]) -> None:
    from granian.constants import HTTPModes, Interfaces, SSLProtocols
    from granian.http import HTTP1Settings
    from granian.server.embed import Server

    certificate, key = tls.ensure(home, (place.host,)) if place.tls else (None, None)
    server = Server(
        create(home, behind_proxy=place.behind_proxy),
        place.host,
        place.port,
        uds=place.unix,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        websockets=False,
        backlog=_WAITING,
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_MILLISECONDS, max_buffer_size=_BUFFER),
        log_enabled=False,
        ssl_cert=certificate,
        ssl_key=key,
        ssl_protocol_min=SSLProtocols.tls12,
    )
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for one in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(one, stop.set)
    server.on_startup(lambda: loop.call_later(0.05, started))
    gc.collect()
    gc.freeze()  # what stands now stays: the collector needn't look at it again and again
    serving: asyncio.Task[None] = asyncio.create_task(server.serve())
    stopping = asyncio.create_task(stop.wait())
    releasing = asyncio.create_task(_release(home, stop))
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    stop.set()
    server.stop()  # type: ignore[no-untyped-call]
    await asyncio.wait({serving}, timeout=DRAIN_SECONDS)
    serving.cancel()  # where a connection says nothing more
    outcome = await asyncio.gather(serving, releasing, return_exceptions=True)
    for failure in outcome:
        if isinstance(failure, Exception):
            raise failure


async def _release(home: Home, stop: asyncio.Event) -> None:
    """Release what is due, again and again: who polls is given what was granted since, and what ended is taken back."""
    while not stop.is_set():
        try:
            await asyncio.to_thread(release.run_all, home)
        except (HaechiError, DBAPIError):
            logging.getLogger("haechi.web").exception("release")  # another process may hold the catalog: next time
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), RELEASE_SECONDS)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def _logged(path: Path | None) -> Iterator[None]:
    """The access log into a file, 0600 by the process's mask; without one only failures are told, on stderr."""
    log = logging.getLogger("haechi.web")
    handler: logging.Handler = logging.StreamHandler() if path is None else logging.FileHandler(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.ERROR if path is None else logging.INFO)
    log.propagate = False
    try:
        yield
    finally:
        log.removeHandler(handler)
        handler.close()
