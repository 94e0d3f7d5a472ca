"""The gallery: a page with one strip of images for every knob, the manual for people who tweak."""

from collections.abc import Iterator, Sequence
from concurrent.futures import as_completed
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Literal

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from PIL import Image

from mitodata.cluster.progress import Progress
from mitodata.errors import DataError
from mitodata.files import beside
from mitodata.hdf5.dataset import software
from mitogen.gallery.strips import UNSEEN, Strip, Studio, draw_strip, fields_for
from mitogen.recipe.catalogue import find_knobs
from mitogen.recipe.distributions import Choice, Distribution, Named
from mitogen.recipe.knob import Knob
from mitogen.recipe.recipe import Recipe
from mitogen.recipe.tissue_knobs import ARRANGED
from mitogen.rendering.process_pool import Workers

PAGE = "index.html"
STRIPS = "strips"
ARRANGEMENT = "tissue.arrangement"


@dataclass(frozen=True)
class Entry:
    """What the page says about one knob.

    Attributes:
        knob: the knob.
        distribution: what the recipe draws from.
        strip: its strip.
        file: where the strip is, seen from the page.
        size: its width and height in pixels.
    """

    knob: Knob
    distribution: Distribution
    strip: Strip
    file: str
    size: tuple[int, int]

    @property
    def values(self) -> list[tuple[str, bool]]:
        """The value under each image, and whether the recipe itself may draw it."""
        low, high = self.distribution.support
        own = self.distribution.values if isinstance(self.distribution, Choice) else None
        return [(f"{value:g}", value in own if own else low <= value <= high) for value in self.strip.values]

    @property
    def unit(self) -> str:
        """Its unit as people write it; empty for pure numbers."""
        return (
            ""
            if self.knob.unit in ("", "1")
            else self.knob.unit.replace("um", "\u00b5m").translate({0x32: 0xB2, 0x33: 0xB3})
        )

    @property
    def default(self) -> str:
        """What the knob is where a recipe does not name it, as in a recipe."""
        return self.knob.fit(self.knob.default).text()

    @property
    def notes(self) -> list[str]:
        """What a reader has to know about the strip."""
        raised = ", ".join(f"{name} = {value:g}" for name, value in self.strip.setting.raised.items())
        notes = [f"Shown with {raised}."] if raised else []
        notes += ["The plane xz of a volume, z downwards."] if self.strip.setting.volume else []
        notes += ["No visible difference in the fields of view that were tried."] if self.strip.change < UNSEEN else []
        return notes


def make_gallery(
    studio: Studio,
    folder: Path,
    names: Sequence[str] = (),
    workers: int | Literal["auto"] = "auto",
    *,
    title: str = "",
    overwrite: bool = False,
) -> Path:
    """Draw the strips of knobs and write the page that shows them.

    Args:
        studio: the recipe, and how images are rendered.
        folder: where to; it appears once it is complete.
        names: knobs or sections; all of them that matter in the recipe's arrangements of cells if empty.
        workers: number of processes, or "auto" for one a core.
        title: what the page is called; what the recipe is called, for instance.
        overwrite: replace an existing gallery.

    Returns:
        The path of the page.

    Raises:
        DataError: `folder` exists and `overwrite` is off, or is something else than a gallery.
        RecipeError: there is no such knob.
        RenderError: an image failed.
    """
    scene = {studio.recipe.scene: studio.recipe.knobs}
    wanted = {knob.name for name in names for knob in find_knobs(name, scene)} or set(mattering(studio.recipe))
    chosen = [name for name in studio.recipe.knobs if name in wanted]
    with _draft(folder, overwrite) as draft:
        (draft / STRIPS).mkdir()
        entries = {}
        with Progress("strip", len(chosen), verb="drawn") as bar:
            for strip in _strips(studio, chosen, workers):
                entry = entries[strip.knob] = _entry(studio, strip)
                (draft / entry.file).write_bytes(strip.png)
                bar.advance(1)
        page = _page(studio, [entries[name] for name in chosen], title)
        (draft / PAGE).write_text(page, encoding="utf-8")
    return folder / PAGE


def mattering(recipe: Recipe) -> Iterator[str]:
    """Names of the knobs that matter in an arrangement of cells that the recipe draws."""
    own = recipe.values.get(ARRANGEMENT)
    spoken = [own, *(kind.values.get(ARRANGEMENT) for kind in recipe.kinds)]
    drawn = {name for value in spoken if isinstance(value, Named) for name in value.possible}
    for knob in recipe.knobs:
        only = ARRANGED.get(knob.split(".")[0])
        if own is None or only is None or only & drawn:
            yield knob


def _strips(studio: Studio, names: Sequence[str], count: int | Literal["auto"]) -> Iterator[Strip]:
    """Draw strips in worker processes, in the order in which they are ready."""
    sections = list(dict.fromkeys(name.split(".")[0] for name in names))
    with Workers(studio, count) as workers:
        looking = {section: workers.submit(fields_for, section) for section in sections}
        fields = {section: future.result() for section, future in looking.items()}
        drawing = [workers.submit(draw_strip, name, fields[name.split(".")[0]]) for name in names]
        for done in as_completed(drawing):
            yield done.result()


def _entry(studio: Studio, strip: Strip) -> Entry:
    """Describe a strip and forget its picture."""
    with Image.open(BytesIO(strip.png)) as picture:
        size = picture.size
    knob, distribution = studio.recipe.knobs[strip.knob], studio.recipe.values[strip.knob]
    return Entry(knob, distribution, replace(strip, png=b""), f"{STRIPS}/{strip.knob}.png", size)


def _page(studio: Studio, entries: Sequence[Entry], title: str) -> str:
    sections: dict[str, list[Entry]] = {}
    for entry in entries:
        sections.setdefault(entry.knob.name.split(".")[0], []).append(entry)
    environment = Environment(
        loader=PackageLoader("mitogen.gallery"),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    return environment.get_template("gallery.html").render(
        title=title, studio=studio, sections=sections, count=len(entries), software=software()
    )


@contextmanager
def _draft(folder: Path, overwrite: bool) -> Iterator[Path]:
    """Give a folder to fill, which takes its final name if nothing goes wrong and is removed otherwise."""
    if folder.name in ("", ".."):
        raise DataError(f"{folder}: has no name of its own; expected that of a folder to make, such as gallery")
    if folder.exists() and not overwrite:
        raise DataError(f"{folder}: exists already; choose another name or overwrite it")
    if folder.exists() and not _is_gallery(folder):
        raise DataError(f"{folder}: is not a gallery and is left alone; choose another name")
    with beside(folder) as draft:
        draft.mkdir(parents=True)
        yield draft


def _is_gallery(folder: Path) -> bool:
    """Whether a folder holds a gallery and nothing else, or nothing."""
    if not folder.is_dir():
        return False
    strips = folder / STRIPS
    return {item.name for item in folder.iterdir()} <= {PAGE, STRIPS} and (
        not strips.exists() or all(item.suffix == ".png" for item in strips.iterdir())
    )
