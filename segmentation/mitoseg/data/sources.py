"""Where the images of a run come from: opened, split and checked before training starts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mitodata import DataError
from mitoseg.config.settings import FitConfig
from mitoseg.data.patches import Patches
from mitoseg.data.rendered import RenderedPatches, can_name_compartments, render_validation, spare_cores
from mitoseg.data.sections import SectionFiles, Slab
from mitoseg.data.splits import Split, single_sections, split_sections, spread_with_foreground

LAST = 4
"""The last validation, which decides for good, looks at up to this many times as many sections as those on the way."""


@dataclass(frozen=True)
class Sources:
    """Where the images of a run come from.

    Attributes:
        training: labelled HDF5 files; none with a recipe.
        validation: files that are held out.
        val_fraction: share of the training data that is held out where there are none, between 0 and 1.
        recipe: TOML of the recipe that training images are rendered from; "" for none.
    """

    training: Sequence[Path]
    validation: Sequence[Path] = ()
    val_fraction: float = 0.1
    recipe: str = ""


@dataclass(frozen=True, eq=False)
class FitData:
    """What a run learns from and what it is validated on.

    Attributes:
        patches: to learn from.
        files: what `validation` lies in.
        validation: single slices.
        last: more of them, for the last validation.
        notes: what the user should know about them, one line each.
    """

    patches: Patches | RenderedPatches
    files: SectionFiles
    validation: list[Slab]
    last: list[Slab]
    notes: list[str]

    def close(self) -> None:
        """Close all files."""
        self.files.close()
        if isinstance(self.patches, Patches):
            self.patches.files.close()


def settings_for(training: Sequence[Path], recipe: str) -> dict[str, object]:
    """Settings of a fit that suit its images better than the defaults, which suit any.

    Args:
        training: HDF5 files; none with a recipe.
        recipe: TOML of a recipe.

    Raises:
        DataError: a file is missing, damaged or unlabelled.
    """
    suited: dict[str, object] = {"workers": spare_cores()} if recipe else {}
    if can_name_compartments(recipe) if recipe else _all_name_compartments(training):
        suited |= {"target": "compartments", "loss": "dice_focal"}
    return suited


def _all_name_compartments(paths: Sequence[Path]) -> bool:
    """Whether every file has a map of compartments, with mitochondria among them."""
    files = SectionFiles(paths)
    try:
        return all("matrix" in file.provenance.classes.values() for file in map(files.file, range(len(paths))))
    finally:
        files.close()


def open_data(training: Sequence[Path], validation: Sequence[Path], val_fraction: float, config: FitConfig) -> FitData:
    """Open the files of a run and choose its sections.

    Raises:
        DataError: a file is missing, damaged, unlabelled or given twice, too few sections are left, or none of them has
            foreground.
    """
    _check_once(training, validation)
    files = SectionFiles(training)
    if validation:
        held_out_files = SectionFiles(validation)
        split = Split(files.slabs(), held_out_files.slabs())
    else:
        held_out_files = files
        split = split_sections(files, val_fraction, config.seed)
    single = list(single_sections(split.training))
    if not files.any_foreground(single):
        beside = "" if validation else " beside what is held out; or give --val FILE"
        raise DataError(
            f"{training[0]}: no foreground in {len(single)} training sections; expected some to learn from{beside}"
        )
    all_held_out = list(single_sections(split.held_out))
    held_out, last = _spread(held_out_files, all_held_out, config)
    patches = Patches(files, split.training if config.dimensions == 3 else single, config)
    notes = split.notes
    if config.target == "semantic" and _lack_compartments(files):
        notes = [*notes, "target: foreground; mitogen render --labels compartments teaches more"]
    return FitData(patches, held_out_files, held_out, last, notes)


def open_rendered(recipe: str, held_out: Path, validation: Sequence[Path], config: FitConfig) -> FitData:
    """Prepare to render patches; if no files are given, images for validation are rendered into the file `held_out`.

    Raises:
        MitoError: as `open_data`; the recipe is wrong, or an image cannot be rendered.
    """
    patches = RenderedPatches(recipe, config)
    if not validation:
        validation = [held_out]
        render_validation(recipe, held_out, config)
    files = SectionFiles(validation)
    sections, last = _spread(files, files.sections(), config)
    return FitData(patches, files, sections, last, [])


def _lack_compartments(files: SectionFiles) -> bool:
    """Whether every file was rendered without compartments that its recipe could have named."""
    made_by = [files.file(number).provenance for number in range(len(files.files))]
    return all(each.recipe and not each.classes and can_name_compartments(each.recipe) for each in made_by)


def _check_once(training: Sequence[Path], validation: Sequence[Path]) -> None:
    """See that no file is learned from twice, or validated on what it teaches."""
    seen: dict[Path, str] = {}
    for path, role in [
        *((path, "for training") for path in training),
        *((path, "for validation") for path in validation),
    ]:
        before = seen.setdefault(path.resolve(), "")
        if before:
            how = f"twice {role}" if before == role else "for training and for validation"
            raise DataError(f"{path}: given {how}; expected each file once")
        seen[path.resolve()] = role


def _spread(files: SectionFiles, held_out: Sequence[Slab], config: FitConfig) -> Iterator[list[Slab]]:
    """Sections for the validations on the way, and more of them for the last one."""
    for times in (1, LAST):
        sections = spread_with_foreground(files, held_out, times * config.validation_images)
        if not files.any_foreground(sections):
            raise DataError(
                f"{files.files[0].path}: no foreground in {len(held_out)} validation sections, so no threshold can be "
                "chosen; give --val FILE with some, or a larger --val-fraction"
            )
        yield sections
