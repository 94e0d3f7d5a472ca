"""The user's own images with masks, instances or shapes, as people lay them out; see `mitodata.importers.pairing`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mitodata.errors import DataError
from mitodata.importers.annotations.choice import parse_choice
from mitodata.importers.annotations.labelme import NAMES
from mitodata.importers.annotations.numbers import NumberStack, read_numbers
from mitodata.importers.annotations.truth import Annotation, Truth, understand, understand_labels, understand_shapes
from mitodata.importers.formats.layouts import (
    EXPECTS,
    EXPORT,
    SHAPES,
    FolderLayout,
    find_layout,
    given_layout,
    holds_layout,
)
from mitodata.importers.importer import GIVE_SIZE, Importer, Options
from mitodata.importers.pairing import Pair, unpaired
from mitodata.importers.stack import Stack, pick
from mitodata.readers.axes import Pixels
from mitodata.readers.inputs import TIFF, open_images, read_pixels
from mitodata.readers.names import spell, stem
from mitodata.readers.volumes.marks import VOLUMES
from mitodata.readers.voxel_size import UNKNOWN, Edges


def _find(path: Path, options: Options) -> list[Stack]:
    if options.masks is not None:
        layout = given_layout(path, Path(options.masks))
    elif path.is_file():
        raise DataError(f"{path}: is a file; expected its masks as well: mitogen import pairs IMAGES MASKS")
    else:
        layout = find_layout(path)
    problem = unpaired(layout.pairs, layout.images, layout.masks)
    if problem and not options.skip_failed:
        raise DataError(problem)
    stacks = _stacks(layout, path.resolve().name, options)
    if options.voxel_size_nm is not None:
        return stacks
    files = {_name(image or mask): image for image, mask in layout.pairs}
    return [part for stack in stacks for part in _by_size(stack, files)]


def _stacks(layout: FolderLayout, name: str, options: Options) -> list[Stack]:
    """One stack of all images of one section, for each kind of annotation, and one for each file of several."""
    choice, whole = parse_choice(options.mask_values, options.unknown), bool(options.as_volume)
    shapes = [each for each in layout.pairs if each[1] and each[1].suffix.lower() == SHAPES]
    named = [each for each in layout.pairs if each[1] and _is_named(each[1])]
    plain = [each for each in layout.pairs if each not in shapes and each not in named]
    deep = [stack for image, mask in plain if image and mask and (stack := _Deep.open(image, mask))]
    flat = [each for each in plain if each not in [(stack.image, stack.mask) for stack in deep]]
    annotations = [Annotation(len(flat), lambda z: read_numbers(_mask_of(flat[z], layout)))] if flat else []
    annotations += [Annotation(stack.depth, stack.numbers.read, stack.mask) for stack in deep]
    truths = understand(annotations, choice, _where(plain, layout)) if annotations else []
    stacks = [_flat_stack(name, flat, truths.pop(0), layout)] if flat else []
    stacks += [stack.stack(truth) for stack, truth in zip(deep, truths, strict=True)]
    for each, understand_all in ((shapes, understand_shapes), (named, understand_labels)):
        if each:
            masks = [mask for _, mask in each if mask]
            stacks.append(_flat_stack(name, each, understand_all(masks, choice, _where(each, layout), whole), layout))
    return stacks


def _is_named(mask: Path) -> bool:
    return mask.name == EXPORT[1] and mask.with_name(NAMES).is_file()


def _flat_stack(name: str, pairs: Sequence[Pair], truth: Truth, layout: FolderLayout) -> Stack:
    return Stack(
        name=name,
        sections=[_name(image or mask) for image, mask in pairs],
        raw=lambda z: read_pixels(_image_of(pairs[z], layout)),
        mask=truth.mask,
        label=truth.label,
    )


@dataclass(frozen=True, eq=False)
class _Deep:
    """A file of several sections, and that of its masks."""

    image: Path
    mask: Path
    depth: int
    raw: Callable[[int], Pixels]
    numbers: NumberStack
    edges_nm: Edges = UNKNOWN

    @classmethod
    def open(cls, image: Path, mask: Path) -> "_Deep | None":
        """Open them; None where both hold one section, or one of them cannot be read: then reading it says why."""
        if not any(file.name.lower().endswith(TIFF + VOLUMES) for file in (image, mask)):
            return None
        try:
            found, numbers = next(open_images(image)), NumberStack(mask)
        except DataError:
            return None
        if found.points != numbers.points and found.points and numbers.points:
            raise DataError(
                f"{mask}: its axes point to {numbers.points}, those of {image.name} to {found.points}: one of them is "
                "flipped or turned; expected both alike; save them anew by one program"
            )
        depth = found.array.shape[0]
        if depth != len(numbers):
            raise DataError(f"{mask}: holds {len(numbers)} sections, {image.name} {depth}; expected as many")
        return cls(image, mask, depth, found.section, numbers, found.edges_nm) if depth > 1 else None

    def stack(self, truth: Truth) -> Stack:
        """The stack of its sections."""
        name = spell(stem(self.image))
        return Stack(
            name=name,
            sections=[f"{name} {z}" for z in range(self.depth)],
            raw=self.raw,
            mask=truth.mask,
            label=truth.label,
            one_image=True,
            edges_nm=self.edges_nm,
        )


def _by_size(stack: Stack, files: Mapping[str, Path | None]) -> list[Stack]:
    """Part a stack of single images by the voxel size that each states; one that cannot be read says why later.

    Raises:
        DataError: an image states none.
    """
    if stack.one_image:
        return [stack]
    places: dict[Edges, list[int]] = {}
    for place, name in enumerate(stack.sections):
        edges = _stated(files[name]) or next(iter(places), UNKNOWN)
        if edges == UNKNOWN:
            raise DataError(f"{files[name] or name}: states no voxel size; {GIVE_SIZE}")
        places.setdefault(edges, []).append(place)
    return [replace(pick(stack, chosen), edges_nm=edges) for edges, chosen in places.items()]


def _stated(image: Path | None) -> Edges | None:
    """The voxel size that an image states; None if it cannot be read."""
    try:
        return next(open_images(image)).edges_nm if image else None
    except DataError:
        return None


def _image_of(each: Pair, layout: FolderLayout) -> Path:
    if each[0] is None:
        raise DataError(f"{each[1]}: has no image in {layout.images}")
    return each[0]


def _mask_of(each: Pair, layout: FolderLayout) -> Path:
    if each[1] is None:
        raise DataError(f"{each[0]}: has no mask in {layout.masks}; expected one of the same name")
    return each[1]


def _name(file: Path | None) -> str:
    """The name of a section: that of its file, or of the folder that labelme exports."""
    if file is None:
        return ""
    return spell(file.parent.name.removesuffix("_json") if file.name in EXPORT else file.name)


def _where(pairs: Sequence[Pair], layout: FolderLayout) -> Path:
    masks = [mask for _, mask in pairs if mask]
    return masks[0] if len(masks) == 1 else layout.masks


PAIRS = Importer(
    name="pairs",
    description="images with masks",
    expects=EXPECTS,
    find=_find,
    recognises=holds_layout,
    options=frozenset({"masks", "mask_values", "unknown"}),
)
