"""Which images that state no pixel size get one together, and which.

The images of each file are given together without their pixel size, then those of all files in one call. Nothing is
chosen here: the constants of `mitoseg.inference.scale` are as they are.
"""

import argparse
from collections.abc import Iterator, Mapping
from math import log2
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import tifffile
from tqdm import tqdm

from machine import conditions
from mitodata.contrast import spread
from mitodata.hdf5.dataset import Dataset
from mitodata.readers.inputs import open_images
from mitoseg.inference.model import Model, load_model
from mitoseg.inference.scale.sizes import PixelSizes
from mitoseg.inference.segment_image import make_options
from pipeline import run_program
from steps import write_page


def main() -> None:
    """Parse, export, estimate, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("model", help="run, file, or name of a released model")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE.h5", help="images whose pixel size is known")
    parser.add_argument("--most", type=int, default=12, metavar="N", help="images of each file, at most")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/results/scale-groups.md"), metavar="FILE.md")
    arguments = parser.parse_args()

    model = load_model(arguments.model)
    with TemporaryDirectory() as folder:
        calls = {path.stem: export(path, Path(folder), arguments.most) for path in arguments.files}
        if len(calls) > 1:
            calls["all"] = {path: size for images in calls.values() for path, size in images.items()}
        rows = [row for name, images in tqdm(calls.items(), disable=None) for row in measure(model, name, images)]
    head = [
        "# Which images get one pixel size",
        "",
        "Images were given together to `mitoseg predict` without their pixel size, up to "
        f"{arguments.most} of each set, then those of all sets in one call. A row is a size that was estimated. Errors "
        f"are against what is known. The model is `{Path(arguments.model).name}`. Written by "
        "`benchmarks/scale_groups.py`.",
        "",
        "| images of a call | of them | from | true size, nm | estimate, nm | median error, octaves |",
        "|---|---|---|---|---|---|",
    ]
    write_page(arguments.output, "\n".join([*head, *rows, "", conditions(0), ""]))


def export(path: Path, folder: Path, most: int) -> dict[Path, float]:
    """Write images of a file as TIFF files that state no size; their true pixel sizes in nm."""
    sizes = {}
    with Dataset(path) as file:
        for number in spread(len(file), most):
            sample = file[number]
            for z in spread(sample.raw.shape[0], max(1, most // len(file))):
                # Names that do not count up one by one: they would say that the images belong together.
                target = folder / f"{path.stem}-{number}-{2 * z}.tif"
                tifffile.imwrite(target, sample.raw[z], photometric="minisblack")
                sizes[target] = sample.voxel_size_nm[1]
    return sizes


def measure(model: Model, name: str, images: Mapping[Path, float]) -> Iterator[str]:
    """A row for each size that is estimated for images of one call."""
    sizes = PixelSizes(model, list(images), make_options())
    found: dict[float, list[Path]] = {}
    for path in images:
        estimate = sizes.estimate(next(open_images(path)))
        assert estimate is not None
        found.setdefault(estimate[1], []).append(path)
    for estimate_nm, paths in sorted(found.items(), key=lambda each: -len(each[1])):
        true = sorted({images[path] for path in paths})
        kinds = ", ".join(sorted({path.name.split("-")[0] for path in paths}))
        error = median(log2(estimate_nm / images[path]) for path in paths)
        span = " to ".join(f"{size:g}" for size in dict.fromkeys((true[0], true[-1])))
        yield f"| {name} | {len(paths)} of {len(images)} | {kinds} | {span} | {estimate_nm:g} | {error:+.2f} |"


if __name__ == "__main__":
    run_program(main)
