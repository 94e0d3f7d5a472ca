"""A rendering job: everything that the bytes of an image depend on, and its images one after the other."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

from mitodata.errors import MitoError
from mitodata.files import source_hash
from mitodata.hdf5.dataset import SCHEMA_VERSION, Dataset, Provenance
from mitodata.sample import Sample
from mitogen.recipe.catalogue import WITH_COMPARTMENTS
from mitogen.recipe.recipe import Recipe, parse_recipe
from mitogen.tissue.compartments import class_names

Shape = tuple[int, int, int]
Renderer = Callable[[Recipe, int, int, Shape, bool], Sample]


class RenderError(MitoError):
    """Rendering was asked for something impossible, or an image or a worker failed."""


def render_image(recipe: Recipe, seed: int, index: int, shape: Shape, compartments: bool) -> Sample:
    """Render one image with `mitogen.rendering.image`, which is imported only now: it takes a second."""
    from mitogen.rendering.image import render

    return render(recipe, seed, index, shape, compartments)


@dataclass(frozen=True)
class Job:
    """Everything that the bytes of an image depend on.

    Attributes:
        recipe: where the numbers of each image are drawn from.
        seed: seed of the dataset, 0 to 2^63 - 1.
        shape: (Z, Y, X) of every image in voxels; Z = 1 for sections.
        compartments: whether images get a map of compartments beside their instances.
        renderer: makes one sample from (recipe, seed, index, shape, parts); importable by name, for workers to find it.

    Raises:
        RenderError: the seed or the shape is impossible, or the recipe's scene has no compartments.
    """

    recipe: Recipe
    seed: int = 0
    shape: Shape = (1, 256, 256)
    compartments: bool = False
    renderer: Renderer = render_image

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**63:  # what the file has room for
            raise RenderError(f"seed {self.seed}: expected 0 to 2^63 - 1")
        if len(self.shape) != 3 or min(self.shape) < 1:
            raise RenderError(f"shape {self.shape}: expected three positive numbers (Z, Y, X)")
        if self.compartments and self.recipe.scene not in WITH_COMPARTMENTS:
            raise RenderError(f"the scene {self.recipe.scene} has no compartments; expected labels of instances only")

    @cached_property
    def _recipe_text(self) -> str:
        """The whole recipe; every shard says it."""
        return self.recipe.to_toml()

    def samples(self, indices: Iterable[int]) -> Iterator[Sample]:
        """Render one image after the other, each when it is asked for.

        Raises:
            RenderError: an image failed; says which, and how to make it again alone.
        """
        for index in indices:
            try:
                sample = self.renderer(self.recipe, self.seed, index, self.shape, self.compartments)
            except Exception as error:
                raise RenderError(
                    f"image {index}: {type(error).__name__}: {str(error).partition(chr(10))[0]}; to make it again "
                    f"alone: --only {index}, or mitogen.render(recipe, seed={self.seed}, index={index}, "
                    f"shape={self.shape})"
                ) from error
            yield sample

    def fingerprint(self) -> str:
        """Hash what the bytes depend on, including mitogen's own code: images of another job must not be mixed in."""
        renderer = f"{self.renderer.__module__}.{self.renderer.__qualname__}"
        settings = [
            self._recipe_text,
            self.seed,
            self.shape,
            self.compartments,
            renderer,
            str(SCHEMA_VERSION),
            source_hash("mitogen"),
        ]
        return sha256(json.dumps(settings).encode()).hexdigest()

    def provenance(self, images: Sequence[int]) -> Provenance:
        """Return what a file of these images says about where they come from."""
        only = "" if is_first(images) else f" --only {spell(images)}"
        return Provenance(
            source=f"mitogen render{only}",
            recipe=self._recipe_text,
            seed=self.seed,
            instances="rendered",
            classes=class_names() if self.compartments else {},
        )


def job_of(path: Path) -> tuple[Job, str]:
    """Find out with which settings a file was rendered.

    Returns:
        The job, and name and version of the program that did it: another one may render other bytes.

    Raises:
        DataError: the file is missing, damaged or no dataset.
        RenderError: it was not rendered.
        RecipeError: its recipe has knobs that are no more.
    """
    with Dataset(path) as dataset:
        made = dataset.provenance
        if not made.recipe or made.seed is None:
            raise RenderError(f"{path}: holds no recipe; expected a file that `mitogen render` wrote")
        recipe = parse_recipe(made.recipe, where=f"recipe of {path}")
        return Job(recipe, made.seed, dataset.shape(0), bool(made.classes)), made.software


def is_first(images: Sequence[int]) -> bool:
    """Whether these are the first images of a dataset, none left out."""
    return images == range(len(images))


def spell(images: Sequence[int]) -> str:
    """Write ascending numbers as `--only` takes them: (3, 5, 6, 7) as "3,5:8"."""
    if isinstance(images, range) and images.step == 1:
        return f"{images.start}:{images.stop}" if len(images) > 1 else f"{images.start}"
    cuts = [0, *(i for i, (low, high) in enumerate(pairwise(images), 1) if high != low + 1), len(images)]
    return ",".join(spell(range(images[first], images[end - 1] + 1)) for first, end in pairwise(cuts))
