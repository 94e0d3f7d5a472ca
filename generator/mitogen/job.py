"""A rendering job: everything that the bytes of an image depend on, and its images one after the other."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable

from mitodata.errors import MitoError
from mitodata.sample import Sample
from mitodata.store import SCHEMA_VERSION, Provenance
from mitogen.recipe import Recipe

Shape = tuple[int, int, int]
Renderer = Callable[[Recipe, int, int, Shape], Sample]


class RenderError(MitoError):
    """Rendering was asked for something impossible, or an image or a worker failed."""


def render_image(recipe: Recipe, seed: int, index: int, shape: Shape) -> Sample:
    """Render one image with `mitogen.render`, which is imported only now: it takes a second."""
    from mitogen.render import render

    return render(recipe, seed, index, shape)


@dataclass(frozen=True)
class Job:
    """Everything that the bytes of an image depend on.

    Attributes:
        recipe: where the numbers of each image are drawn from.
        seed: seed of the dataset, 0 to 2^63 - 1.
        shape: (Z, Y, X) of every image in voxels; Z = 1 for sections.
        renderer: makes one sample from (recipe, seed, index, shape); importable by name, so that workers find it.

    Raises:
        RenderError: the seed or the shape is impossible.
    """

    recipe: Recipe
    seed: int = 0
    shape: Shape = (1, 256, 256)
    renderer: Renderer = render_image

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**63:  # what the file has room for
            raise RenderError(f"seed {self.seed}: expected 0 to 2^63 - 1")
        if len(self.shape) != 3 or min(self.shape) < 1:
            raise RenderError(f"shape {self.shape}: expected three positive numbers (Z, Y, X)")

    def samples(self, indices: Iterable[int]) -> Iterator[Sample]:
        """Render one image after the other, each when it is asked for.

        Raises:
            RenderError: an image failed; says which, and how to make it again alone.
        """
        for index in indices:
            try:
                sample = self.renderer(self.recipe, self.seed, index, self.shape)
            except Exception as error:
                raise RenderError(
                    f"image {index}: {type(error).__name__}: {str(error).partition(chr(10))[0]}; to make it again "
                    f"alone: mitogen.render.render(recipe, seed={self.seed}, index={index}, shape={self.shape})"
                ) from error
            yield sample

    def fingerprint(self) -> str:
        """Hash what the bytes depend on, including mitogen's own code: shards of another job must not be mixed in."""
        renderer = f"{self.renderer.__module__}.{self.renderer.__qualname__}"
        settings = [self.recipe.to_toml(), self.seed, self.shape, renderer, str(SCHEMA_VERSION), _code_hash()]
        return sha256(json.dumps(settings).encode()).hexdigest()

    def provenance(self) -> Provenance:
        """Return what the file says about where its images come from."""
        return Provenance(source="mitogen render", recipe=self.recipe.to_toml(), seed=self.seed, instances="rendered")


def _code_hash() -> str:
    """Hash mitogen's own modules."""
    digest = sha256()

    def add(folder: Traversable) -> None:
        for item in sorted(folder.iterdir(), key=lambda item: item.name):
            if item.is_dir():
                add(item)
            elif item.name.endswith(".py"):
                digest.update(item.read_bytes())

    add(files("mitogen"))
    return digest.hexdigest()
