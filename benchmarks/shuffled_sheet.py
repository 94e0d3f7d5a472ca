"""A sheet of synthetic and real crops in random order, to be sorted by somebody who has not seen the key.

The sheet holds real tissue: keep it where its licence allows, and not in a repository.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mitodata.errors import DataError
from mitodata.hdf5.dataset import Dataset
from mitogen.gallery.contact_sheet import save_sheet
from mitogen.gap.sections import Sampling, SectionWindow, read_sections
from pipeline import run_program
from steps import write_text

COLUMNS = 4
GAP_PX = 8
CAPTION_PX = 16


def main() -> None:
    """Parse, choose crops, shuffle, write sheet and key."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("synthetic", type=Path, metavar="SYNTH.h5")
    parser.add_argument("real", type=Path, metavar="REAL.h5")
    parser.add_argument("-n", type=int, default=8, help="crops of each")
    parser.add_argument("--size", type=int, default=256, help="their edge in pixels")
    parser.add_argument("--pixel-size", type=float, metavar="NM", help="resample both to this pixel size")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER", help="gets sheet.png and key.txt")
    arguments = parser.parse_args()

    rng = np.random.default_rng(arguments.seed)
    sampling = Sampling(arguments.n, window_px=(arguments.size, arguments.size), pixel_nm=arguments.pixel_size)
    shuffled = [
        (kind, section)
        for kind, path in (("synthetic", arguments.synthetic), ("real", arguments.real))
        for section in crops(path, sampling, rng)
    ]
    shuffled = [shuffled[place] for place in rng.permutation(len(shuffled))]
    arguments.output.mkdir(parents=True, exist_ok=True)
    save_sheet(sheet([section for _, section in shuffled]), arguments.output / "sheet.png")
    lines = [
        f"{number:2} {kind:9} image {section.place[0]} section {section.place[1]}\n"
        for number, (kind, section) in enumerate(shuffled, start=1)
    ]
    write_text(arguments.output / "key.txt", "".join(lines))
    print(arguments.output / "sheet.png")


def crops(path: Path, sampling: Sampling, rng: np.random.Generator) -> list[SectionWindow]:
    """Choose one window of each of `sampling.images` sections.

    Raises:
        DataError: the file has fewer sections, or smaller ones.
    """
    by_place: dict[tuple[int, int], list[SectionWindow]] = {}
    with Dataset(path) as dataset:
        for section in read_sections(dataset, sampling):
            by_place.setdefault(section.place, []).append(section)
    if len(by_place) < sampling.images:
        raise DataError(
            f"{path}: {len(by_place)} sections that hold a crop of {sampling.window_px}; expected {sampling.images}"
        )
    return [windows[rng.integers(len(windows))] for windows in by_place.values()]


def sheet(sections: list[SectionWindow]) -> Image.Image:
    """Lay numbered crops out in rows of four."""
    height, width = sections[0].raw.shape
    rows = -(-len(sections) // COLUMNS)
    step = (width + GAP_PX, height + GAP_PX + CAPTION_PX)
    picture = Image.new("L", (GAP_PX + COLUMNS * step[0], GAP_PX + rows * step[1]), 255)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(12)
    for number, section in enumerate(sections):
        left, top = GAP_PX + number % COLUMNS * step[0], GAP_PX + number // COLUMNS * step[1]
        picture.paste(Image.fromarray(section.raw), (left, top))
        draw.text((left, top + height + 1), str(number + 1), fill=40, font=font)
    return picture


if __name__ == "__main__":
    run_program(main)
