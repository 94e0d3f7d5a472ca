"""Options that several commands share: which images to render, turned into a job. Heavy imports wait until then."""

from collections.abc import Callable, Sequence
from functools import wraps
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from mitodata.command_line import Measure, Output
from mitodata.readers.remote import local

if TYPE_CHECKING:
    from mitodata.cluster.shard import Shard
    from mitogen.recipe.recipe import Recipe
    from mitogen.rendering.job import Job


class Place(Output):
    """The path of a file or folder to write: a name, at which there is nothing, or nothing of another kind."""

    def __init__(self, folder: bool, *, urls: bool = False) -> None:
        """Expect a folder or a file; `urls`: or the URL of one."""
        super().__init__(urls=urls)
        self._folder = folder

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Read the path."""
        wanted = "folder" if self._folder else "file"
        if not str(value):
            self.fail(f"got an empty name; expected that of a {wanted} to write", param, ctx)
        path = super().convert(value, param, ctx)
        if path.exists() and not (path.is_dir() if self._folder else path.is_file()):
            found = "not a folder" if self._folder else "not a regular file"
            self.fail(f"{path}: is {found}; expected a {wanted} to write; choose another name", param, ctx)
        return path


class Given(click.Path):
    """The path of a file or folder that is there, or the URL of one, which is copied."""

    def __init__(self) -> None:
        """Expect a file or a folder."""
        super().__init__(exists=True, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Read the path or the URL."""
        return Path(str(super().convert(str(local(value)), param, ctx)))


MOST_IMAGES = 10**9 - 1
"""Neither numbers of images nor how many there are go beyond this."""
_MOST_SINGLE_IMAGES = 10**7
_MOST_WORKERS = 1024

SEED = click.IntRange(min=0, max=2**63 - 1)
COUNT = click.IntRange(min=1, max=MOST_IMAGES)
PIXEL = Measure(min=0.001, max=1e6)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = Place(folder=True)
OUTPUT = Place(folder=False)
SET_HELP = "Change one knob, e.g. section.thickness_nm=30 or 'section.thickness_nm={uniform=[5,50]}'; may be repeated."
SIZE_PX = 256
SMALLEST_PX = 16

_OF_A_JOB = ("preset", "file", "overrides", "size", "shape", "voxel_size_nm", "seed", "labels")


def examples(*lines: str) -> str:
    """Lay out lines of examples for the end of a command's help."""
    return "\n".join(("\b", "Examples:", *(f"  {line}" for line in lines)))


class RecipeFile(click.Path):
    """A recipe in a file. The name of a preset is told of the option that it belongs to."""

    def __init__(self) -> None:
        super().__init__(exists=True, dir_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Find the file."""
        name = str(value)
        if not name.endswith(".toml") and not Path(name).exists():
            self.fail(
                f"{name}: is not a file; recipes that come with mitogen are given with --preset {name}", param, ctx
            )
        return super().convert(value, param, ctx)


def recipe_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that choose a recipe: the command gets `preset`, `file` and `overrides` (see `chosen_recipe`)."""
    for option in (
        click.option("--set", "overrides", multiple=True, metavar="KNOB=VALUE", help=SET_HELP),
        click.option("--recipe", "file", type=RecipeFile(), metavar="FILE.toml", help="A recipe of your own, instead."),
        click.option("--preset", metavar="NAME", help="A recipe that comes with mitogen.  [default: mito]"),
    ):
        command = option(command)
    return command


def job_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say what to render; the command gets them as `job`.

    A command may add an option `like`, the file to take the rest from, or an argument `dataset`: if the user gives one
    instead of options, the command gets its path as `source`, else the job.
    """

    @recipe_options
    @click.option(
        "--size", type=click.IntRange(min=SMALLEST_PX), help=f"Edge of square images in pixels.  [default: {SIZE_PX}]"
    )
    @click.option(
        "--shape",
        type=click.IntRange(min=1),
        nargs=3,
        metavar="Z Y X",
        help="Or depth, height and width in voxels: volumes, or sections that are not square (Z = 1).",
    )
    @click.option(
        "--voxel-size",
        "voxel_size_nm",
        type=float,
        nargs=3,
        metavar="Z Y X",
        help="Voxel edges in nm, Y = X: sets thickness and spacing of sections, and the pixel size.",
    )
    @click.option("--seed", type=SEED, help="Another seed, other images.  [default: 0]")
    @click.option(
        "--labels",
        type=click.Choice(["instances", "compartments"]),
        help="compartments: also a map of membrane, matrix, vesicle, ...  [default: instances]",
    )
    @wraps(command)
    def with_job(*args: object, **kwargs: Any) -> None:
        chosen = {name: kwargs.pop(name) for name in _OF_A_JOB}
        result = "source" if "dataset" in kwargs else "job"
        dataset, like = kwargs.pop("dataset", None), kwargs.pop("like", None)
        if dataset is not None and any(value not in (None, ()) for value in chosen.values()):
            raise click.UsageError("got FILE.h5 and options of what to render (such as --set); expected one of them")
        command(*args, **{result: dataset or _job(chosen, like)}, **kwargs)

    return with_job


def chosen_recipe(preset: str | None, file: Path | None, overrides: Sequence[str]) -> "Recipe":
    """Load the recipe that the options of `recipe_options` choose."""
    from mitogen.recipe.recipe import load_recipe

    if preset is not None and preset.endswith(".toml"):
        raise click.UsageError(f"--preset {preset}: is a file; give it with --recipe {preset}")
    return load_recipe("mito" if preset is None and file is None else preset, file, overrides)


def _job(chosen: dict[str, Any], like: Path | None) -> "Job":
    """Make the job that the options choose; what they leave open is taken from the file `like`, if there is one."""
    from mitogen.recipe.recipe import adjust
    from mitogen.rendering.job import Job

    if chosen["size"] is not None and chosen["shape"] is not None:
        raise click.UsageError("got --size and --shape; expected one of them")
    if like is None:
        base = Job(chosen_recipe(chosen["preset"], chosen["file"], ()))
    elif chosen["preset"] is not None or chosen["file"] is not None:
        raise click.UsageError("got --like and a recipe (--preset or --recipe); expected one of them")
    else:
        base = _like(like)
    recipe = adjust(_with_voxel_size(base.recipe, chosen["voxel_size_nm"]), chosen["overrides"])
    shape = chosen["shape"] or (chosen["size"] and (1, chosen["size"], chosen["size"])) or base.shape
    if min(shape[1:]) < SMALLEST_PX:
        raise click.UsageError(f"--shape {' '.join(map(str, shape))}: expected Y and X of at least {SMALLEST_PX}")
    seed = base.seed if chosen["seed"] is None else chosen["seed"]
    compartments = base.compartments if chosen["labels"] is None else chosen["labels"] == "compartments"
    return Job(recipe, seed, shape, compartments)


def _with_voxel_size(recipe: "Recipe", voxel_size_nm: tuple[float, float, float] | None) -> "Recipe":
    if voxel_size_nm is None:
        return recipe
    z, y, x = voxel_size_nm
    if y != x:
        raise click.UsageError(f"--voxel-size {z:g} {y:g} {x:g}: pixels are square; expected Y = X")
    knobs = {"section.spacing_nm": z, "section.thickness_nm": z, "section.pixel_nm": y}
    return recipe.override(knobs, where="--voxel-size")


def _like(path: Path) -> "Job":
    from mitodata.cluster.progress import say
    from mitodata.hdf5.dataset import software
    from mitogen.rendering.job import job_of

    job, made_by = job_of(path)
    if made_by != software():
        say(f"{path} was made by {made_by}, this is {software()}: images may differ")
    return job


def images(ctx: click.Context, param: click.Parameter, value: str | None) -> Sequence[int] | None:
    """Read numbers of images, ascending and each once: `417,420:430` is 417 and 420 to 429."""
    if value is None:
        return None
    runs = [_run(piece) for piece in value.split(",")]
    if not all(runs):
        raise click.BadParameter(
            f"{shortened(value)}; expected numbers and ranges such as 417 or 417,420:430 (430 left out), none above "
            f"{MOST_IMAGES}"
        )
    merged = _merged(runs)
    if len(merged) == 1:
        return merged[0]
    if sum(map(len, merged)) > _MOST_SINGLE_IMAGES:
        raise click.BadParameter(
            f"{shortened(value)}: over {_MOST_SINGLE_IMAGES} images in several ranges; expected fewer, or one range"
        )
    return tuple(chain(*merged))


def _run(text: str) -> range:
    """Read `417` or `420:430`; empty if it is neither."""
    first, colon, end = text.partition(":")
    start, stop = whole_number(first), whole_number(end)
    if start is None or (colon and stop is None):
        return range(0)
    return range(start, start + 1 if stop is None else stop)


def _merged(runs: Sequence[range]) -> list[range]:
    """Put ranges in order, and together where they touch or overlap."""
    merged: list[range] = []
    for run in sorted(runs, key=lambda run: run.start):
        if merged and run.start <= merged[-1].stop:
            last = merged.pop()
            merged.append(range(last.start, max(last.stop, run.stop)))
        else:
            merged.append(run)
    return merged


def whole_number(text: str) -> int | None:
    """Read a whole number without a sign, up to `MOST_IMAGES`; None if it is none."""
    text = text.strip()
    digits = text.lstrip("0") or text[:1]
    return int(digits) if digits.isdecimal() and len(digits) <= len(str(MOST_IMAGES)) else None


def shortened(text: str) -> str:
    """Quote what was got, or its beginning if it is long."""
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


def workers(ctx: click.Context, param: click.Parameter, value: str) -> int | Literal["auto"]:
    """Read a number of processes or `auto`."""
    if value == "auto":
        return "auto"
    count = whole_number(value)
    if count is None or not 1 <= count <= _MOST_WORKERS:
        raise click.BadParameter(
            f"{shortened(value)}; expected auto or a number of at least 1, and at most {_MOST_WORKERS}"
        )
    return count


def shard(ctx: click.Context, param: click.Parameter, value: str | None) -> "Shard | None":
    """Read `I/N`: the Ith of N shards."""
    if value is None:
        return None
    from mitodata.cluster.shard import Shard, ShardError

    try:
        return Shard.parse(value)
    except ShardError as error:
        raise click.BadParameter(str(error)) from error
