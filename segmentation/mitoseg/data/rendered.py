"""Patches rendered when they are asked for. Beside studies the only module of `mitoseg` that knows the generator."""

from math import ceil
from pathlib import Path

import numpy as np
from torch import Tensor
from torch.utils.data import Dataset as TorchDataset

from mitodata import RunError, Sample
from mitogen.recipe.catalogue import WITH_COMPARTMENTS
from mitogen.recipe.recipe import Recipe, draw, open_recipe, parse_recipe
from mitogen.rendering.dataset import render_dataset
from mitogen.rendering.job import Job, job_of, render_image
from mitogen.rendering.process_pool import cores
from mitogen.tissue.compartments import class_names
from mitoseg.config.settings import FitConfig
from mitoseg.data.patches import make_window, patch_shape, window_px
from mitoseg.networks.normalisation import measure_grey, working_volume

PASS = 1000
"""Patches that count as one pass over a recipe, which has no end."""

TRAINING, VALIDATION = 0, 1
"""Which of the datasets of a run's seed."""

SMALLEST_PX = 16
"""Images are rendered at least this large."""

EXAMPLE, EXAMPLES, ENOUGH = "mito", 12, 0.12
"""Preset of the image that shows what a model does; how many are looked at; share of foreground that is enough."""


class RenderedPatches(TorchDataset[Tensor]):
    """An endless sequence of images that no two patches share: patch k is made of image k of a recipe."""

    def __init__(self, recipe: str, config: FitConfig) -> None:
        """Take a recipe as TOML.

        Raises:
            RecipeError: it is none.
        """
        self.recipe = parse_recipe(recipe)
        self.config = config
        self.window = window_px(config)
        self.seed = dataset_seed(config.seed, TRAINING)

    def __len__(self) -> int:
        """Patches that count as one pass."""
        return PASS

    def __getitem__(self, number: int) -> Tensor:
        """Make patch `number`, the same whichever process makes it: of the kind that `Patches` gives."""
        sample = self.sample(number)
        greys = [measure_grey(section) for section in sample.raw]
        size = working_volume(sample.raw.shape, sample.voxel_size_nm, self.config)
        return make_window(sample, greys, size, self.window, self.config, class_names())

    def sample(self, number: int) -> Sample:
        """Render the image that patch `number` is made of."""
        shape = rendered_shape(self.recipe, self.seed, number, self.window, self.config)
        return render_image(self.recipe, self.seed, number, shape, self.config.target == "compartments")


def resolve_recipe(name: str) -> str:
    """Read a preset, or a file that ends in .toml, as TOML that says every knob.

    Raises:
        RecipeError: there is none of that name, or it is wrong.
    """
    return open_recipe(name).to_toml()


def first_rendered(recipe: str, config: FitConfig, count: int = 6) -> list[Sample]:
    """Render the images that the first `count` patches of a fit are made of.

    Raises:
        MitoError: the recipe is wrong, or an image cannot be rendered.
    """
    patches = RenderedPatches(recipe, config)
    return [patches.sample(number) for number in range(count)]


def can_name_compartments(recipe: str) -> bool:
    """Whether images of a recipe, as TOML, know more than which pixel is of which instance."""
    return parse_recipe(recipe).scene in WITH_COMPARTMENTS


def spare_cores() -> int:
    """Processes that can render while another one trains; at least one."""
    return max(1, cores() - 1)


def render_validation(recipe: str, path: Path, config: FitConfig) -> None:
    """Render the images a run is validated on into one file, unless it is there already, of the same recipe and seed.

    They come from another seed than those it learns from, and are a third wider than a patch. Of volumes an eighth as
    many are made.

    Raises:
        MitoError: an image failed, the file cannot be written, or is there with other images.
        KeyboardInterrupt: stopped; what is done is kept.
    """
    made, seed = parse_recipe(recipe), dataset_seed(config.seed, VALIDATION)
    z, y, x = patch_shape(config)
    shape = rendered_shape(made, seed, 0, (z, ceil(4 * y / 3), ceil(4 * x / 3)), config)
    count = config.validation_images if shape[0] == 1 else ceil(config.validation_images / 8)
    job = Job(made, seed, shape)
    if path.exists():
        if job_of(path)[0].fingerprint() != job.fingerprint():
            raise RunError(
                f"{path}: holds other images than this fit is validated on; remove it, or choose another folder"
            )
        return
    render_dataset(job, path, count, workers=max(1, config.workers))


def rendered_shape(
    recipe: Recipe, seed: int, index: int, window: tuple[int, int, int], config: FitConfig
) -> tuple[int, int, int]:
    """Shape (z, y, x) in px of an image that covers `window`, px of the working grid, at its drawn pixel size."""
    drawn = draw(recipe, seed, index)
    voxel_nm = [drawn["section.spacing_nm"], drawn["section.pixel_nm"], drawn["section.pixel_nm"]]
    working_nm = (config.working_slice_nm or config.working_voxel_nm, config.working_voxel_nm, config.working_voxel_nm)
    z, y, x = (ceil(side * work / own) for side, work, own in zip(window, working_nm, voxel_nm, strict=True))
    return (z if config.dimensions == 3 else 1, max(y, SMALLEST_PX), max(x, SMALLEST_PX))


def dataset_seed(seed: int, which: int) -> int:
    """Seed of a dataset of a run, far from the small numbers that files to test on are rendered with."""
    state = np.random.SeedSequence(seed, spawn_key=(10, which)).generate_state(1, np.uint64)
    return int(state[0] >> 1)


def render_example(config: FitConfig, shape: tuple[int, int, int]) -> Sample:
    """Render an image of `shape` (z, y, x) in px of the working grid, the same whenever it is asked for.

    It is the first in which there is enough to find, or the one in which there is most.

    Raises:
        MitoError: the generator cannot render pixels as large as those of the working grid.
    """
    overrides = [f"section.pixel_nm={config.working_voxel_nm:g}"]
    if config.dimensions == 3:
        overrides.append(f"section.spacing_nm={config.working_slice_nm or config.working_voxel_nm:g}")
    recipe, seen = open_recipe(EXAMPLE, overrides), dict[float, Sample]()
    for index in range(EXAMPLES):
        sample = render_image(recipe, 0, index, shape, compartments=False)
        share = float((sample.mask == 1).mean()) if sample.mask is not None else 0.0
        seen[share] = sample
        if share >= ENOUGH:
            break
    return seen[max(seen)]
