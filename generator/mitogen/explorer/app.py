"""The server behind the page. Every answer is a pure function of its address; nothing is stored, no path is opened.

    /                the page; its own query is read by the page alone
    /image           PNG of a view
    /describe        JSON of a view: kind, numbers, commands
    /look            JSON of a view: grey histogram, spectrum and label-free statistics
    /next            JSON: the next image of a kind of tissue
    /recipe.toml     the recipe of a view
    /own             PNG of a crop of the user's own images, if a file was named at the start
    /own-look        JSON of all its crops, as /look
    /nearer          JSON of a view: the knobs that would bring it nearer to them
    /verdict         JSON of a view: how well the installed model segments it, and where it fails
    /errors          PNG of a view: what the model found, missed, and wrongly found
    /probability     PNG of a view: what the model says of each pixel

Bad input is answered by 400 and one line.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from typing import Any

from PIL import Image
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from mitodata.errors import MitoError
from mitodata.sample import Sample
from mitogen.explorer.bounded_queue import BusyError
from mitogen.explorer.knob_table import describe_recipes, describe_view
from mitogen.explorer.look import describe_look
from mitogen.explorer.nearer import list_steps, rank_steps, small
from mitogen.explorer.own_images import OwnImages
from mitogen.explorer.recipes import Recipes, next_of_kind
from mitogen.explorer.render_queue import RenderQueue
from mitogen.explorer.segmenter import NOT_INSTALLED, Segmentation, SegmenterQueue
from mitogen.explorer.verdict import describe_verdict, paint_errors, paint_probability
from mitogen.explorer.view import View, ViewError, read_view
from mitogen.gallery.pictures import grey, outlined, painted, png
from mitogen.gap.appearance import Appearance, look_at
from mitogen.recipe.catalogue import WITH_COMPARTMENTS
from mitogen.rendering.job import RenderError
from mitogen.tissue.compartments import class_names

HOSTS = ("127.0.0.1", "localhost")
"""Names by which the page may be asked for: another name is a foreign page that tries to reach this server."""

_PARTS = {
    "index.html": "text/html",
    "explorer.css": "text/css",
    **{
        f"{name}.js": "text/javascript"
        for name in ("explorer", "address", "curves", "knobs", "latest", "nearer", "verdict")
    },
}
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


@dataclass(frozen=True)
class Explorer:
    """Answers requests.

    Attributes:
        recipes: what may be looked at.
        queue: what renders it.
        own_images: what is shown beside it.
        segmenter: the model that is asked about it, if one is installed.
    """

    recipes: Recipes
    queue: RenderQueue
    own_images: OwnImages | None = None
    segmenter: SegmenterQueue | None = None

    async def start(self, request: Request) -> Response:
        """All recipes and knobs."""
        return _json(await run_in_threadpool(lambda: self._start))

    async def image(self, request: Request) -> Response:
        """The picture of a view."""
        view, sample = await self._sample(request)
        return _png(await run_in_threadpool(_picture, sample, view.layer))

    async def look(self, request: Request) -> Response:
        """What a view looks like in numbers."""
        _, sample = await self._sample(request)
        return _json(await run_in_threadpool(lambda: describe_look(look_at(sample.raw[0]))))

    async def nearer(self, request: Request) -> Response:
        """The knobs that would bring a view nearer to the user's own images.

        One image is rendered at a time, so that a slider that moves meanwhile does not wait; none once the page has
        lost interest.
        """
        own, view = self._own(), _view(request)
        steps = await run_in_threadpool(list_steps, self.recipes, view, own.pixel_nm)
        real = await run_in_threadpool(lambda: own.appearance)
        start = await self._appearance(small(view))
        looks = []
        for step in steps:
            if await request.is_disconnected():
                break
            with suppress(RenderError):  # what cannot be rendered is no way to go
                looks.append((step, await self._appearance(step.view)))
        return _json(rank_steps(looks, start, real))

    async def describe(self, request: Request) -> Response:
        """What belongs to a view beside the picture."""
        return _json(describe_view(self.recipes, _view(request)))

    async def next(self, request: Request) -> Response:
        """The number of the next image of a kind."""
        pairs = request.query_params.multi_items()
        kinds = [value for name, value in pairs if name == "kind"]
        if len(kinds) != 1:
            raise ViewError(f"got {len(kinds)} kinds; expected kind=NAME")
        view = read_view((name, value) for name, value in pairs if name != "kind")
        return _json({"index": next_of_kind(self.recipes.recipe(view), view, kinds[0])})

    async def recipe(self, request: Request) -> Response:
        """The recipe of a view, to be saved."""
        headers = {**_HEADERS, "Content-Disposition": 'attachment; filename="recipe.toml"'}
        return PlainTextResponse(self.recipes.toml(_view(request)), headers=headers, media_type="application/toml")

    async def own(self, request: Request) -> Response:
        """A crop of the user's own images."""
        crop = self._own().crop(request.query_params.get("number", "0"))
        return _png(Image.fromarray(crop))

    async def own_look(self, request: Request) -> Response:
        """What they look like in numbers."""
        own = self._own()
        return _json(await run_in_threadpool(lambda: own.look))

    async def verdict(self, request: Request) -> Response:
        """How well the model segments a view, and where it fails."""
        return _json(await run_in_threadpool(describe_verdict, *await self._found(request)))

    async def errors(self, request: Request) -> Response:
        """What the model found, missed, and wrongly found."""
        return _png(await run_in_threadpool(paint_errors, *await self._found(request)))

    async def probability(self, request: Request) -> Response:
        """What the model says of each pixel."""
        return _png(await run_in_threadpool(paint_probability, *await self._found(request)))

    def close(self) -> None:
        """Give up what is still wanted."""
        self.queue.close()
        if self.segmenter is not None:
            self.segmenter.close()

    def _own(self) -> OwnImages:
        if self.own_images is None:
            raise ViewError("no images of your own; start with mitogen explore --image FILE.h5")
        return self.own_images

    @cached_property
    def _start(self) -> dict[str, Any]:
        own = self.own_images
        shown = {"name": own.name, "pixel_nm": own.pixel_nm, "count": len(own.crops)} if own else None
        return {**describe_recipes(self.recipes), "own": shown, "model": self.segmenter is not None}

    async def _appearance(self, view: View) -> Appearance:
        sample = await self.queue.sample(self.recipes.recipe(view), view.plain(compartments=False))
        return await run_in_threadpool(look_at, sample.raw[0])

    async def _sample(self, request: Request) -> tuple[View, Sample]:
        view = _view(request)
        return view, await self.queue.sample(self.recipes.recipe(view), view)

    async def _found(self, request: Request) -> tuple[Sample, Segmentation]:
        """The image of a view with its compartments, and what the model found in it."""
        if self.segmenter is None:
            raise ViewError(NOT_INSTALLED)
        view = _view(request)
        recipe = self.recipes.recipe(view)
        if recipe.scene not in WITH_COMPARTMENTS:
            raise ViewError(f"the model looks for mitochondria, and the scene {recipe.scene} has none")
        sample = await self.queue.sample(recipe, view.plain(compartments=True))
        return sample, await self.segmenter.found(view, sample)


def make_app(explorer: Explorer, hosts: tuple[str, ...] = HOSTS) -> Starlette:
    """Make the server's application.

    Args:
        explorer: what answers.
        hosts: names by which it may be asked; "*" is any.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        explorer.queue.warm_up()
        yield
        explorer.close()

    routes = [Route(f"/{name}", _part(name, kind)) for name, kind in _PARTS.items()]
    routes += [Route("/", _part("index.html", "text/html"))]
    for name in ("start", "image", "look", "describe", "next", "own", "nearer", "verdict", "errors", "probability"):
        routes += [Route(f"/{name}", getattr(explorer, name))]
    return Starlette(
        routes=[*routes, Route("/recipe.toml", explorer.recipe), Route("/own-look", explorer.own_look)],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False)],
        exception_handlers={MitoError: _say},
        lifespan=lifespan,
    )


def _view(request: Request) -> View:
    return read_view(request.query_params.multi_items())


def _picture(sample: Sample, layer: str) -> Image.Image:
    """A section with a layer on it; a plain one is grey, byte for byte what a file would hold."""
    picture = grey(sample.raw[0], sample.raw.shape[:0:-1])
    if layer == "outlines" and sample.label is not None and sample.mask is not None:
        return outlined(picture, sample.label[0], sample.mask[0])
    if layer == "compartments" and sample.compartment is not None:
        return painted(picture, sample.compartment[0], class_names())
    return picture.convert("L")


def _png(picture: Image.Image) -> Response:
    return Response(png(picture), headers=_HEADERS, media_type="image/png")


def _json(value: object) -> Response:
    return JSONResponse(value, headers=_HEADERS)


async def _say(request: Request, error: Exception) -> Response:
    """Answer with the line of an error, and whose it is: the sender's, ours, or nobody's."""
    statuses: dict[type[Exception], int] = {BusyError: 503, RenderError: 500}
    status = statuses.get(type(error), 400)
    return PlainTextResponse(" ".join(str(error).split()), status, headers=_HEADERS)


def _part(name: str, kind: str) -> Callable[[Request], Response]:
    """One of the files of the page, read once."""
    body = (files("mitogen.explorer") / "page" / name).read_bytes()
    return lambda request: Response(body, headers=_HEADERS, media_type=kind)
