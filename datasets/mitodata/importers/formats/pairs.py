"""The user's own images with masks, instances or shapes, as people lay them out; see `mitodata.importers.pairing`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mitodata.errors import DataError
from mitodata.importers.annotations.choice import Choice, parse_choice
from mitodata.importers.annotations.labelme import NAMES
from mitodata.importers.annotations.numbers import NumberStack, read_numbers
from mitodata.importers.annotations.truth import Annotation, Truth, understand, understand_labels, understand_shapes
from mitodata.importers.folders import SUFFIXES, image_files, locate, subfolders
from mitodata.importers.importer import GIVE_SIZE, Importer, Options
from mitodata.importers.pairing import Pair, core, is_mask, pair, unpaired
from mitodata.importers.stack import Stack, pick
from mitodata.readers.axes import Pixels
from mitodata.readers.inputs import TIFF, one_a_set, open_images, read_pixels
from mitodata.readers.names import spell, stem
from mitodata.readers.volumes.marks import VOLUMES
from mitodata.readers.voxel_size import UNKNOWN, Edges

_IMAGES = frozenset({"images", "image", "imgs", "img", "raw", "em", "inputs", "input", "jpegimages", "imagestr"})
_MASKS = frozenset(
    {
        *(
            "masks",
            "mask",
            "labels",
            "label",
            "labelstr",
            "annotations",
            "annotation",
            "gt",
            "groundtruth",
            "ground_truth",
        ),
        *("instances", "instance", "segmentation", "segmentations", "seg", "targets", "target", "mitochondria", "mito"),
        *("segmentationobject", "segmentationobjectpng", "segmentationclass", "segmentationclasspng"),
    }
)
_SHAPES = ".json"
_ANNOTATIONS = SUFFIXES | {_SHAPES}
_EXPORT = ("img.png", "label.png")
_EXPECTS = (
    "images and masks: in folders images/ and masks/ (or raw, labels, annotations, instances, gt ...), or side by side "
    "as a.tif + a_mask.tif or a.json of labelme"
)


@dataclass(frozen=True)
class _Layout:
    """Where the images and the masks are, and which belong together."""

    images: Path
    masks: Path
    pairs: Sequence[Pair]


def _find(path: Path, options: Options) -> list[Stack]:
    if options.masks is not None:
        layout = _given(path, Path(options.masks))
    elif path.is_file():
        raise DataError(f"{path}: is a file; expected its masks as well: mitogen import pairs IMAGES MASKS")
    else:
        layout = _layout(locate(path, _fits, _EXPECTS))
    problem = unpaired(layout.pairs, layout.images, layout.masks)
    if problem and not options.skip_failed:
        raise DataError(problem)
    stacks = _stacks(layout, path.resolve().name, parse_choice(options.mask_values, options.unknown))
    if options.voxel_size_nm is not None:
        return stacks
    files = {_name(image or mask): image for image, mask in layout.pairs}
    return [part for stack in stacks for part in _by_size(stack, files)]


def _given(images: Path, masks: Path) -> _Layout:
    """The layout of two paths: two files, or two folders."""
    if images.is_dir() != masks.is_dir():
        raise DataError(f"{images}: and {masks} are a file and a folder; expected two files or two folders")
    if images.is_dir():
        return _Layout(images, masks, pair(_files(images, SUFFIXES), _files(masks, _ANNOTATIONS)))
    return _Layout(images.parent, masks.parent, [(images, masks)])


def _files(folder: Path, suffixes: frozenset[str]) -> list[Path]:
    """The files in a folder, of an OME-TIFF in several files the first."""
    return one_a_set(image_files(folder, suffixes))


def _layout(folder: Path) -> _Layout:
    images, masks = _children(folder, _IMAGES), _children(folder, _MASKS)
    for found in (images, masks):
        if images and masks and len(found) > 1:
            raise DataError(
                f"{folder}: holds {found[0].name} and {found[1].name}; say which: mitogen import pairs IMAGES MASKS"
            )
    if images and masks:
        return _given(images[0], masks[0])
    exported = _exported(folder)
    if exported:
        return _Layout(folder, folder, [(each / _EXPORT[0], each / _EXPORT[1]) for each in exported])
    return _Layout(folder, folder, pair(*_side_by_side(folder)))


def _fits(folder: Path) -> bool:
    if (_children(folder, _IMAGES) and _children(folder, _MASKS)) or _exported(folder):
        return True
    images, masks = _side_by_side(folder)
    return len(images) == len(masks) == 1 or not {*map(core, images)}.isdisjoint(map(core, masks))


def _children(folder: Path, names: frozenset[str]) -> list[Path]:
    return [child for child in subfolders(folder) if child.name.lower() in names]


def _exported(folder: Path) -> list[Path]:
    """The folders that labelme exports, an image each."""
    return [child for child in subfolders(folder) if all((child / name).is_file() for name in _EXPORT)]


def _side_by_side(folder: Path) -> tuple[list[Path], list[Path]]:
    """The images in a folder, and the masks and shapes in it."""
    try:
        files = _files(folder, _ANNOTATIONS)
    except DataError:
        return [], []
    images = [file for file in files if file.suffix.lower() != _SHAPES and not is_mask(file)]
    stems = {spell(stem(image)) for image in images}
    shapes = [file for file in files if file.suffix.lower() == _SHAPES and spell(file.stem) in stems]
    return images, [*(file for file in files if file.suffix.lower() != _SHAPES and is_mask(file)), *shapes]


def _stacks(layout: _Layout, name: str, choice: Choice) -> list[Stack]:
    """One stack of all images of one section, for each kind of annotation, and one for each file of several."""
    shapes = [each for each in layout.pairs if each[1] and each[1].suffix.lower() == _SHAPES]
    named = [each for each in layout.pairs if each[1] and _is_named(each[1])]
    plain = [each for each in layout.pairs if each not in shapes and each not in named]
    deep = [stack for image, mask in plain if image and mask and (stack := _Deep.open(image, mask))]
    flat = [each for each in plain if each not in [(stack.image, stack.mask) for stack in deep]]
    annotations = [Annotation(len(flat), lambda z: read_numbers(_mask_of(flat[z], layout)))] if flat else []
    annotations += [Annotation(stack.depth, stack.numbers.read) for stack in deep]
    truths = understand(annotations, choice, _where(plain, layout)) if annotations else []
    stacks = [_flat_stack(name, flat, truths.pop(0), layout)] if flat else []
    stacks += [stack.stack(truth) for stack, truth in zip(deep, truths, strict=True)]
    for each, understand_all in ((shapes, understand_shapes), (named, understand_labels)):
        if each:
            masks = [mask for _, mask in each if mask]
            stacks.append(_flat_stack(name, each, understand_all(masks, choice, _where(each, layout)), layout))
    return stacks


def _is_named(mask: Path) -> bool:
    return mask.name == _EXPORT[1] and mask.with_name(NAMES).is_file()


def _flat_stack(name: str, pairs: Sequence[Pair], truth: Truth, layout: _Layout) -> Stack:
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


def _image_of(each: Pair, layout: _Layout) -> Path:
    if each[0] is None:
        raise DataError(f"{each[1]}: has no image in {layout.images}")
    return each[0]


def _mask_of(each: Pair, layout: _Layout) -> Path:
    if each[1] is None:
        raise DataError(f"{each[0]}: has no mask in {layout.masks}; expected one of the same name")
    return each[1]


def _name(file: Path | None) -> str:
    """The name of a section: that of its file, or of the folder that labelme exports."""
    if file is None:
        return ""
    return spell(file.parent.name.removesuffix("_json") if file.name in _EXPORT else file.name)


def _where(pairs: Sequence[Pair], layout: _Layout) -> Path:
    masks = [mask for _, mask in pairs if mask]
    return masks[0] if len(masks) == 1 else layout.masks


def _recognises(path: Path) -> bool:
    try:
        locate(path, _fits, _EXPECTS)
    except DataError:
        return False
    return True


PAIRS = Importer(
    name="pairs",
    description="images with masks",
    expects=_EXPECTS,
    find=_find,
    recognises=_recognises,
    options=frozenset({"masks", "mask_values", "unknown"}),
)
