"""What a recipe looks like with some knobs set, always on the same random streams."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mitogen.gap.appearance import Appearance, Image, appearance_of
from mitogen.recipe.recipe import Recipe
from mitogen.rendering.job import Job
from mitogen.rendering.process_pool import go_on


@dataclass(frozen=True)
class Studio:
    """Where images are rendered; picklable, for workers.

    The same streams every time (common random numbers): two settings are seen in the same tissue, so that their
    difference is that of the settings, and the distance to real images changes smoothly with a knob.

    Attributes:
        recipe: what is not set otherwise; its voxel size is that of the real images.
        seed: of the streams.
        size_px: edge of the images.
    """

    recipe: Recipe
    seed: int
    size_px: int

    def job(self, values: Mapping[str, object], kind: str | None = None) -> Job:
        """The rendering job with these knobs set, of the whole recipe or of one of its kinds."""
        return Job(self.recipe.alone(kind).override(values), self.seed, (1, self.size_px, self.size_px))


def render_crops(
    studio: Studio, values: Mapping[str, object], images: Sequence[int], kind: str | None = None
) -> list[Image]:
    """Render images by number, (Y, X) uint8 each; labels are rendered too, and dropped here.

    Raises:
        RenderError: one failed.
    """
    crops, job = [], studio.job(values, kind)
    for image in images:
        go_on()
        crops += [sample.raw[0] for sample in job.samples([image])]
    return crops


def appearance_with(
    studio: Studio, values: Mapping[str, object], images: Sequence[int], kind: str | None = None
) -> Appearance:
    """Say what images of these numbers look like with these knobs set, of the whole recipe or of one of its kinds.

    Raises:
        RenderError: one failed.
    """
    return appearance_of(render_crops(studio, values, images, kind))
