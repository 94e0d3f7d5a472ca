"""Options that several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mitodata.command_line import Measure, Output

if TYPE_CHECKING:
    from mitodata.cluster.shard import Shard

Command = TypeVar("Command", bound=Callable[..., Any])

FILES = click.Path(path_type=Path)
OUTPUT = Output()

# In the epilogs of commands "\b" keeps click from joining the lines.

AXES = click.option(
    "--axes",
    default="auto",
    metavar="AXES",
    show_default=True,
    help="Slices that a 2D network sees of a volume: across z, or with zyx across each axis, averaged; slower "
    "and better. auto is zyx where voxels are about as long as wide and there are enough slices.",
)

THRESHOLD = click.option(
    "--threshold",
    type=Measure(0, 1),
    help="Probability from which on a pixel can be foreground. [default: what the model says: most find one for each "
    "image, which parts its probabilities best]",
)
PEAK = click.option(
    "--peak",
    type=Measure(0, 1),
    help="Probability that a connected piece of foreground must reach somewhere, or it is dropped; 0 keeps all. "
    "[default: the one chosen with the threshold, at most 0.6]",
)
OUTLINE = click.option(
    "--outline",
    type=Measure(-1000, 1000),
    metavar="NM",
    help="End masks this many nm outside the outer face of the outer membrane; inside if negative. "
    "[default: that of the model, which is 0 unless labels taught it another]",
)

PRECISION = click.option(
    "--precision",
    type=click.Choice(["auto", "full"]),
    default="auto",
    show_default=True,
    help="auto computes in bfloat16 where the processor or the GPU is made for it, in about half the time; full is the "
    "same on every machine.",
)
INVERT = click.option(
    "--invert",
    type=click.Choice(["auto", "on", "off"]),
    default="auto",
    show_default=True,
    help="Exchange black and white; auto does so where membranes are surely lighter than cytoplasm, and reports it.",
)


def _read_shard(_context: click.Context, _option: click.Parameter, text: str | None) -> "Shard | None":
    from mitodata.cluster.shard import Shard, ShardError

    try:
        return None if text is None else Shard.parse(text)
    except ShardError as error:
        raise click.BadParameter(str(error)) from error


SHARD = click.option(
    "--shard",
    callback=_read_shard,
    metavar="I/N",
    help="Predict only the Ith of N equal shares of one volume, for `mitoseg merge`.",
)
SCHEDULER = click.option(
    "--scheduler", metavar="ADDRESS", help="Address of a Dask cluster whose workers predict one volume."
)


VOXEL_SIZE = (
    "Edges of a voxel in nm; overrides files. Z is the distance between sections, or the thickness of a single one."
)


def image_options(without: str = "") -> Callable[[Command], Command]:
    """Options that say how images are to be read: voxel_size_nm, square, dataset, as_2d.

    Args:
        without: what becomes of images that state no voxel size where none is given.
    """
    voxel_size = VOXEL_SIZE
    options = (
        click.option(
            "--voxel-size",
            "voxel_size_nm",
            type=(float, float, float),
            metavar="Z Y X",
            help=f"{voxel_size} {without}".strip(),
        ),
        click.option(
            "--non-square-pixels",
            "square",
            flag_value=False,
            default=True,
            help="Believe a voxel size whose pixels are not square.",
        ),
        click.option(
            "--dataset",
            metavar="PATH",
            help="Images within foreign HDF5 files or Zarr groups; of several in a TIFF or DM file, a number.",
        ),
        click.option("--as-2d", is_flag=True, help="Take each section of a stack as an image of its own."),
    )

    def add(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def _take_older_name(context: click.Context, _: click.Parameter, text: str | None) -> None:
    """Let --turns, what --tta was called before, mean the same."""
    if text is not None:
        context.params["tta"] = int(text)


def tta_option(command: Command) -> Command:
    """Add --tta to a command."""
    older = click.option(
        "--turns", type=click.Choice(["1", "4", "8"]), hidden=True, expose_value=False, callback=_take_older_name
    )
    option = click.option(
        "--tta",
        type=click.Choice(["auto", "1", "2", "4", "8"]),
        default="auto",
        show_default=True,
        is_eager=True,  # before --turns
        callback=lambda _context, _option, text: text if text == "auto" else int(text),
        help="Test-time augmentation: how many looks are averaged. 2: the image as it is, and turned and magnified; 4: "
        "its mirror images; 8: its quarter turns as well. auto is 2 for sections, and 1 for volumes across three axes. "
        "2 takes about twice as long as 1.",
    )
    return option(older(command))
