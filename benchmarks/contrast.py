"""How often a negative is told from an image as it should be, on rendered and on real tissue."""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

import mitogen
from machine import conditions
from mitodata.contrast import DOUBT, LEAST_UM2, SECTIONS, SURE, is_doubtful, measure_contrast
from mitodata.readers.inputs import read_grey
from mitogen.recipe.recipe import open_recipe, preset_names
from pipeline import run_program
from real_sections import add_real_option
from steps import write_page

Grey = NDArray[np.uint8]

PIXELS_NM = (4.0, 8.0, 12.0)
REAL = {
    "EPFL": ("epfl/Test_In/*.png", 5.0, 5),
    "VNC": ("vnc/stack1/raw/*.tif", 4.6, 1),
    "muscle": ("muscle/images/*.png", 11.0, 1),
    "liver": ("liver/images/*.png", 8.0, 1),
    **{
        f"CEM500K, tile {n}": (f"cem500k/images/mitochondria{n}.png", pixel_nm, 1)
        for n, pixel_nm in ((1, 8.0), (2, 8.0), (3, 8.0), (4, 6.0), (5, 4.7))
    },
    "islet": ("islet/images/*.png", 5.0, 1),
}
"""Files, nm a pixel (about 8 where the source says nothing), every how manieth section."""

TILE_PX = 256
RENDERED_PX = 512


def main() -> None:
    """Parse, measure, write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_real_option(parser)
    parser.add_argument("--n", type=int, default=12, help="rendered images of each preset and pixel size")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/results/contrast.md"), metavar="FILE.md")
    arguments = parser.parse_args()
    bar = tqdm(rendered(arguments.n), disable=None)
    rows = [row(name, size, [[each] for each in found]) for name, size, found in bar]
    for name, (pattern, pixel_nm, every) in REAL.items():
        images = [read_grey(path) for path in sorted(arguments.real.glob(pattern))[::every]] if arguments.real else []
        if images:
            rows.append(row(name, pixel_nm, [[image] for image in images]))
            tiles = [[tile] for image in images for tile in cut(image)]
            rows += [row(f"{name}, tiles of {TILE_PX} px", pixel_nm, tiles)] if len(tiles) > len(images) else []
            rows += [row(f"{name}, {SECTIONS} sections together", pixel_nm, [images[:SECTIONS]])] if every > 1 else []
    write_page(arguments.output, page(rows))
    print(arguments.output)


def rendered(count: int) -> Iterator[tuple[str, float, list[Grey]]]:
    """Images of every preset that shows membranes, in small and in large pixels."""
    for name in preset_names():
        recipe = open_recipe(name)
        if name.startswith("blobs"):
            continue
        for pixel_nm in PIXELS_NM:
            scaled = recipe.override({"section.pixel_nm": pixel_nm})
            shape = (1, RENDERED_PX, RENDERED_PX)
            images = [mitogen.render(scaled, seed=3, index=index, shape=shape).raw[0] for index in range(count)]
            yield f"rendered, {name}", pixel_nm, images


def cut(image: Grey) -> list[Grey]:
    """Whole tiles of an image."""
    starts = (range(0, side - TILE_PX + 1, TILE_PX) for side in image.shape)
    rows, columns = starts
    return [image[y : y + TILE_PX, x : x + TILE_PX] for y in rows for x in columns]


def row(name: str, pixel_nm: float, images: Sequence[Sequence[Grey]]) -> str:
    """A row of the table, of images of one or more sections each."""
    contrasts = [measure_contrast(each, (pixel_nm,) * 3) for each in images]
    found = np.array([each.value for each in contrasts])
    told, wrong = (found > SURE).mean(), (found < -SURE).sum()
    asked = sum(is_doubtful(each) for each in contrasts) - wrong
    noticed = np.mean([is_doubtful(replace(each, balance=-each.balance)) or each.value > SURE for each in contrasts])
    return (
        f"| {name} | {pixel_nm:g} | {len(found)} | {found.min():+.2f} | {np.median(found):+.2f} | {100 * told:.0f} % | "
        f"{100 * noticed:.0f} % | "
        f"{wrong} | {asked} |"
    )


def page(rows: list[str]) -> str:
    """The results as Markdown."""
    return "\n".join(
        (
            "# Negatives",
            "",
            "Contrast of images that are as they should be, by `mitodata.contrast`: positive where thin lines are",
            "darker than what surrounds them. The negative of an image has the same value with the other sign. So the",
            f"share above {SURE:g} is that of negatives that `--invert auto` would take for what they are. Below",
            f"-{SURE:g} it would invert an image for nothing. Where the lines alone, without regard to the area that",
            f"they were seen in, are below -{DOUBT:g}, it asks the user to look; below an area of {LEAST_UM2:g} square",
            "micrometre it does not. Sections of a volume are looked at together, as are small images of one",
            "call; in other rows each stands alone. Written by `benchmarks/contrast.py`.",
            "",
            "| images | nm a pixel | n | lowest | median | negatives told | told or asked | wrongly inverted "
            "| asked for nothing |",
            "|---|---|---|---|---|---|---|---|---|",
            *rows,
            "",
            conditions(3),
            "",
        )
    )


if __name__ == "__main__":
    run_program(main)
