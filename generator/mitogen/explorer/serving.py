"""Serving the page until Ctrl-C."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from mitodata.errors import MitoError
from mitogen.explorer.app import HOSTS, Explorer, make_app
from mitogen.explorer.own_images import OwnImages
from mitogen.explorer.recipes import Recipes
from mitogen.explorer.render_queue import RenderQueue
from mitogen.explorer.segmenter import Plugin, SegmenterQueue, model_name
from mitogen.rendering.job import render_image
from mitogen.rendering.process_pool import Workers

_EVERYWHERE = ("0.0.0.0", "::")
_SECONDS_TO_FINISH = 2


class ServeError(MitoError):
    """The page cannot be served at this address."""


def serve(
    recipes: Recipes,
    own_images: OwnImages | None,
    plugin: Plugin | None,
    host: str,
    port: int,
    ready: Callable[[str], None],
) -> None:
    """Serve the page; rendering takes one process a core, the model another one when it is first asked.

    Args:
        recipes: what may be looked at.
        own_images: what is shown beside it.
        plugin: the model that is asked about it; one that was chosen is loaded before the page is served.
        host: address to listen at.
        port: its port, 0 for any that is free.
        ready: gets the address of the page as soon as it answers.

    Raises:
        ServeError: host or port cannot be had.
        MitoError: the model that was chosen is none.
        KeyboardInterrupt: the user stopped it.
    """
    with listen(host, port) as listening, Workers(render_image, "auto") as workers, _asking(plugin) as segmenter:
        hosts = ("*",) if host in _EVERYWHERE else (*HOSTS, host)
        app = make_app(Explorer(recipes, RenderQueue(workers), own_images, segmenter), hosts)
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, timeout_graceful_shutdown=_SECONDS_TO_FINISH, ws="none"
        )
        name = f"[{host}]" if ":" in host else host
        ready(f"http://{name}:{listening.getsockname()[1]}/")
        try:
            uvicorn.Server(config).run(sockets=[listening])
        finally:
            workers.kill()  # nobody wants what they are rendering


@contextmanager
def _asking(plugin: Plugin | None) -> Iterator[SegmenterQueue | None]:
    """What asks the model, if there is one, in a process that starts when it is first needed."""
    if plugin is None:
        yield None
        return
    with Workers(plugin, 1) as pool:
        if plugin.model is not None:
            pool.submit(model_name).result()
        try:
            yield SegmenterQueue(pool)
        finally:
            pool.kill()


def listen(host: str, port: int) -> socket.socket:
    """Take the port before anything else is done.

    Raises:
        ServeError: it is taken, or not ours to take.
    """
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ServeError(f"{host}:{port}: {reason}; choose another port with --port, 0 for any that is free") from error
