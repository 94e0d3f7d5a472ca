"""The knob explorer, served from a thread and asked over HTTP."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import uvicorn
from here import Here
from starlette.applications import Starlette

from mitogen.explorer.app import Explorer, make_app
from mitogen.explorer.own_images import OwnImages
from mitogen.explorer.recipes import Recipes
from mitogen.explorer.render_queue import RenderQueue
from mitogen.explorer.segmenter import SegmenterQueue
from mitogen.explorer.serving import listen
from mitogen.rendering.job import Renderer, render_image


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass(frozen=True)
class Site:
    address: str

    def get(self, path: str, **headers: str) -> Answer:
        try:
            with urlopen(Request(f"{self.address}{path}", headers=headers), timeout=60) as answer:
                return Answer(answer.status, answer.read(), dict(answer.headers))
        except HTTPError as error:
            with error:
                return Answer(error.code, error.read(), dict(error.headers))


def make(
    recipes: Recipes | None = None,
    own_images: OwnImages | None = None,
    renderer: Renderer = render_image,
    segmenter: SegmenterQueue | None = None,
) -> Starlette:
    """The application, which renders in this process."""
    return make_app(Explorer(recipes or Recipes(), RenderQueue(Here(renderer, 1)), own_images, segmenter))


@contextmanager
def served(app: Starlette) -> Iterator[Site]:
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="none", timeout_graceful_shutdown=1))
    with listen("127.0.0.1", 0) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        try:
            yield Site(f"http://127.0.0.1:{listening.getsockname()[1]}")
        finally:
            server.should_exit = True
            thread.join()
