"""What a match is shown as: lines for a terminal, a sheet of crops, and the recipe as a file."""

from collections.abc import Iterator, Mapping, Sequence
from os.path import realpath
from pathlib import Path

import numpy as np
from PIL import Image as Picture
from PIL import ImageDraw, ImageFont

from mitodata.errors import DataError
from mitodata.files import check_replaceable, is_png, write_atomic
from mitogen.gallery.contact_sheet import save_sheet
from mitogen.gap.appearance import Image
from mitogen.gap.comparison import compare_appearances
from mitogen.gap.table import number
from mitogen.match.look import render_crops
from mitogen.match.matching import Match
from mitogen.match.search import check_journal
from mitogen.recipe.distributions import Distribution
from mitogen.recipe.kinds import find_kind

_GAP_PX = 6
_CAPTION_PX = 20
_SHOWN_PX = 256


def summary(match: Match) -> str:
    """Write for a terminal what was matched, how close it came, and what still differs."""
    parts = (_kinds(match), _knobs(match), _distances(match), _differences(match))
    return "\n".join((_what(match), *(line for part in parts if (lines := list(part)) for line in ("", *lines))))


def check_output(output: Path, journal: Path, real: Path, overwrite: bool) -> None:
    """Refuse, before a long search, what could not be written after it; make the folder if it is missing.

    Args:
        output: the recipe to write; the sheet of crops lies beside it.
        journal: of the search.
        real: the file of real images.
        overwrite: whether an existing recipe and sheet may be replaced.

    Raises:
        DataError: recipe or sheet exists and `overwrite` is off, or the sheet is no PNG; `output` is no name of a
            recipe; the journal is something else, or two of the files are one.
        OSError: the folder cannot be made, or the journal not be read.
    """
    if output.suffix != ".toml":
        raise DataError(f"{output}: expected a name that ends in .toml")
    sheet = output.with_suffix(".png")
    for path in (output, sheet):
        if path.exists() and not (overwrite and path.is_file()):
            raise DataError(f"{path}: exists already; choose another name" + (" or overwrite it" * path.is_file()))
    check_replaceable(sheet, is_png, "a PNG")
    taken = {realpath(real): "the real images"}
    for path, use in ((output, "the recipe"), (sheet, "the sheet of crops"), (journal, "the journal")):
        if realpath(path) in taken:
            raise DataError(f"{path}: is to hold {taken[realpath(path)]} and {use}; choose another name")
        taken[realpath(path)] = use
    check_journal(journal)
    output.parent.mkdir(parents=True, exist_ok=True)


def write_match(match: Match, output: Path, base: str) -> Path:
    """Write the recipe, and the sheet of crops beside it.

    Returns:
        The path of the sheet.

    Raises:
        DataError: a file cannot be written.
    """
    before, _, after = match.distances()
    of_kind = "" if match.kind is None else f" of {match.kind}"
    description = (
        f"{base}, matched without labels to {match.target.name}: {len(match.ranges)} knobs{of_kind}, distance "
        f"{before:.2f} -> {after:.2f}"
    )
    recipe = match.matched.override({}, description=description)
    sheet = output.with_suffix(".png")
    save_sheet(draw_sheet(match), sheet)
    write_atomic(output, recipe.to_toml().encode())
    return sheet


def draw_sheet(match: Match) -> Picture.Image:
    """Lay crops out in three rows: real, before, after."""
    shown = range(len(match.target.examples))
    after_values = _matched_values(match)
    params = {one.knob.name: after_values[one.knob.name] for one in match.ranges}
    of_kind = "" if match.kind is None else f", {match.kind}"
    before, _, after = match.distances()
    rows: list[tuple[str, Sequence[Image]]] = [
        (f"real: {match.target.name}, crops of {_crop_nm(match)}", match.target.examples),
        (f"before: distance {before:.2f} (0: alike in all statistics)", render_crops(match.studio, {}, shown)),
        (f"matched{of_kind}: distance {after:.2f}", render_crops(match.studio, params, shown, match.kind)),
    ]
    step = _SHOWN_PX + _GAP_PX
    sheet = Picture.new("L", (_GAP_PX + len(shown) * step, _GAP_PX + len(rows) * (step + _CAPTION_PX)), 255)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for row, (caption, crops) in enumerate(rows):
        top = row * (step + _CAPTION_PX)
        draw.text((_GAP_PX, top + 2), caption, fill=40, font=font)
        for column, crop in enumerate(crops):
            tile = Picture.fromarray(np.ascontiguousarray(crop)).resize((_SHOWN_PX, _SHOWN_PX))
            sheet.paste(tile, (_GAP_PX + column * step, top + _CAPTION_PX))
    return sheet


def _crop_nm(match: Match) -> str:
    """Size of the crops that are shown."""
    z, y, _ = match.target.voxel_size_nm
    height, width = match.target.examples[0].shape
    return f"{width * y / 1000:.3g} x {height * y / 1000:.3g} um, {z:.3g} nm thick"


def _what(match: Match) -> str:
    target = match.target
    z, y, _ = target.voxel_size_nm
    return (
        f"{target.name}: {target.appearance.images} windows of {target.size_px} px, pixels of {y:.4g} nm, "
        f"{z:.4g} nm thick; {match.trials} trials"
    )


def _matched_values(match: Match) -> Mapping[str, Distribution]:
    """What is drawn where the recipe was matched."""
    return match.matched.alone(match.kind).values


def _kinds(match: Match) -> Iterator[str]:
    if match.kind is None:
        return
    yield "kinds of tissue, mean distance of single images, and share:"
    width = max(map(len, match.kinds))
    for name, distance in match.kinds.items():
        was, now = (find_kind(recipe.kinds, name).share for recipe in (match.studio.recipe, match.matched))
        yield f"  {name:{width}}  {distance:6.2f}  {was:.2g} -> {now:.2g}"
    yield f"matched in {match.kind}:"


def _knobs(match: Match) -> Iterator[str]:
    width = max(len(one.knob.name) for one in match.ranges)
    before, after = match.studio.recipe.alone(match.kind).values, _matched_values(match)
    for one in match.ranges:
        name = one.knob.name
        yield f"{name:{width}}  {before[name].text()} -> {after[name].text()}"


def _distances(match: Match) -> Iterator[str]:
    before, at_best, after = match.distances()
    yield f"distance without labels, on {match.after.images} images that the search has not seen:"
    yield f"  before                       {before:.2f}"
    yield f"  at the best values           {at_best:.2f}"
    yield f"  drawn around them, as saved  {after:.2f}"
    if match.kind is not None:
        yield f"  (the latter two of {match.kind} alone)"
    if after >= before:
        yield "no nearer than before: search longer (--trials), or keep the recipe that it began with"


def _differences(match: Match) -> Iterator[str]:
    real = match.target.appearance
    pairs = zip(compare_appearances(match.before, real), compare_appearances(match.after, real), strict=True)
    apart = [pair for pair in pairs if not pair[1].close]
    if not apart:
        yield "no statistic differs by more than 10 % (see docs/gap.md)"
        return
    yield f"{'still differ (see docs/gap.md)':38} {'before':>8} {'matched':>8} {'real':>8}"
    for old, new in apart:
        values = " ".join(f"{number(value):>8}" for value in (old.synthetic, new.synthetic, new.real))
        yield f"{new.statistic.title:38} {values}"
