"""From image files to files of masks, probabilities and instances, one image after the other."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Unpack

from tqdm import tqdm

from mitodata import DataError, RunError, WriteError
from mitodata.contrast import UNSEEN, Contrast, look_at, pool, should_invert, spread
from mitodata.hdf5.layout import software
from mitodata.readers.inputs import open_images, to_source
from mitodata.readers.remote import as_url, is_url
from mitodata.readers.source import Source
from mitoseg.config.files import Paths, as_paths
from mitoseg.inference.model import Model, open_model
from mitoseg.inference.scale.sizes import PixelSizes
from mitoseg.inference.segment_image import (
    SegmentKeywords,
    SegmentOptions,
    make_options,
    make_results,
    result_files,
)
from mitoseg.io.image_list import expand, unique_names
from mitoseg.io.journal import JOURNAL, NONE, Journal
from mitoseg.io.process import unheard
from mitoseg.io.series import ALIKE, likeness, numbered

_log = logging.getLogger("mitoseg")

SMALL_BYTES = 2**26
LOOKED_AT = 9
"""Of several images up to this size, so many are looked at together to tell whether they are negatives."""

MOST_LISTED = 20
"""Lines about images that could not be read, and about others, up to which they are shown."""


def segment(
    model: Model | Path | str | None,
    paths: Paths,
    folder: Path | str,
    report: Callable[[Path], None] | None = None,
    **keywords: Unpack[SegmentKeywords],
) -> list[Path]:
    """Segment image files; docs/predict.md says what is written.

        mitoseg.segment("runs/first", "stack.tif", "masks", voxel_size_nm=(50, 4, 4), outputs="mask")

    Results that are there already, of the same images and settings, stay: a call that was stopped goes on. Of several
    images those that cannot be read are left out, and said at the end. The pixel size of sections that state none is
    estimated; those that look alike have one together.

    Args:
        model: from `mitoseg.load_model`, whose thresholds make the mask; or what that takes: None for the newest
            released model.
        paths: a file as `mitodata.readers.inputs.open_sources` takes it, a folder of them, or several.
        folder: where the results go; made if it is missing.
        report: is told of each file that is written.
        keywords: see `SegmentKeywords`.

    Returns:
        Paths of the results that were written now.

    Raises:
        DataError: a file cannot be read, or there is no voxel size and none can be estimated; raised once the other
            images are done.
        WriteError: the disk is full, or refuses.
        RunError: there is no such model or keywords make no sense; the folder cannot be made, results exist already
            that were made otherwise, two images would have results of one name, or memory does not suffice.
    """
    options, model, folder = make_options(**keywords), open_model(model), Path(folder)
    images = expand(as_paths(paths))
    failures: list[DataError] = []
    with made(folder):
        work = Results(model, folder, options, report or (lambda _: None))
        sizes = PixelSizes(model, images, options)
        work.usual_contrast = _usual_contrast(images, options, sizes)
        if not options.as_2d and (alike := _likeness(images, options, sizes)) >= ALIKE:
            _log.warning(
                "%d numbered images look like sections of one volume (correlation %.2f); each is segmented by itself; "
                "for a volume, save them as one TIFF stack; if they are none, add --as-2d",
                len(images),
                alike,
            )
        # tqdm shows nothing where there is no terminal (disable=None).
        for name, path in tqdm(list(zip(unique_names(images), images, strict=True)), desc="predict", disable=None):
            try:
                for source, estimated in _sources(path, options, sizes):
                    work.make(name, source, {"pixel_nm": source.voxel_size_nm[1]} if estimated else {})
            except WriteError:
                raise
            except DataError as error:
                failures.append(error)
    if work.done_before:
        _log.warning("%d done before; to make them again: --overwrite", work.done_before)
    _raise_failures(failures, len(images), bool(work.written or work.done_before))
    return work.written


def _sources(path: Path, options: SegmentOptions, sizes: PixelSizes) -> Iterator[tuple[Source, bool]]:
    """Open what a file holds; also says whether the pixel size is estimated.

    Raises:
        DataError: as `segment`.
    """
    for found in open_images(path, options.dataset):
        size_nm, estimated = sizes.choose(found)
        yield to_source(found, size_nm, square=options.square), estimated


class Results:
    """The results of a call, image by image, and what is known of those that were there before.

    Attributes:
        written: files that were made now.
        done_before: images whose results were there.
        usual_contrast: of images that are given together; None of one alone.
    """

    def __init__(
        self, model: Model, folder: Path, options: SegmentOptions, report: Callable[[Path], None] = lambda _: None
    ) -> None:
        self._model, self._folder, self._options, self._report = model, folder, options, report
        self._journal = Journal(folder, settings_of(model, options))
        self._taken: set[Path] = set()
        self.written: list[Path] = []
        self.done_before = 0
        self._lines = 0
        self.usual_contrast: Contrast | None = None

    def wanted(self, name: str, image: Path, own: Mapping[str, Any] = NONE) -> dict[str, Path]:
        """Results that an image, whose `own` settings are these, is to get under a name; none if all are there already.

        Raises:
            RunError: there are others under a name of theirs.
        """
        self._journal.look_at(image)
        files = result_files(self._folder / name, image, self._options)
        for file in self._taken.intersection(files.values()):
            raise RunError(f"{file}: holds results of another image of this call already; name them apart")
        self._taken.update(files.values())
        # All are looked at, before the first is replaced.
        there = [not self._options.overwrite and self._journal.holds(file, image, own) for file in files.values()]
        self.done_before += all(there)
        return {} if all(there) else files

    def make(self, name: str, source: Source, own: Mapping[str, Any]) -> None:
        """Make the results of an image, whose `own` settings are these, unless they are there."""
        files = self.wanted(f"{name}{source.suffix}", source.path, own)
        if files:
            notes = Notes(source, self._say)
            negative = is_negative(source, self._options.invert, notes, self.usual_contrast)
            made = make_results(self._model, source, files, self._options, negative=negative, say=notes)
            self.keep(made, source.path, notes, own)

    def keep(self, made: Iterable[Path], image: Path, notes: "Notes", own: Mapping[str, Any] = NONE) -> None:
        """Note each result of an image, whose `own` settings are these, once it is made."""
        for file in made:
            self._journal.add(file, image, notes.lines, own)
            self.written.append(file)
            self._report(file)

    def _say(self, line: str) -> None:
        self._lines += 1
        if self._lines <= MOST_LISTED:
            _log.warning("%s", line)
        elif self._lines == MOST_LISTED + 1:
            _log.warning("... more such lines are kept in %s", self._folder / JOURNAL)


class Notes:
    """What there is to say of an image: lines that are kept, and said at once."""

    def __init__(self, source: Source, say: Callable[[str], object] = _log.warning) -> None:
        self.lines: list[str] = []
        self._called, self._say = f"{source.path.name}{source.suffix}", say

    def __call__(self, line: str) -> None:
        """Keep a line, and say it."""
        self.lines.append(line)
        self._say(f"{self._called}: {line}")


def is_negative(source: Source, invert: str, say: Callable[[str], object], usual: Contrast | None = None) -> bool:
    """Whether the negative of an image is segmented; arguments as of `mitodata.contrast.should_invert`."""
    contrast = look_at(source.read, source.shape, source.voxel_size_nm) if invert == "auto" else UNSEEN
    return should_invert(invert, contrast, usual, say)


def _usual_contrast(images: Sequence[Path], options: SegmentOptions, sizes: PixelSizes) -> Contrast | None:
    """Contrast of some of several small images, which one alone would not tell so surely; None of others."""
    small = [path for path in images if path.is_file() and path.stat().st_size < SMALL_BYTES]
    if len(small) < 2 or options.invert != "auto":
        return None
    found = []
    with unheard("mitodata"):  # what there is to say of an image is said when its turn comes
        for number in spread(len(small), LOOKED_AT):
            with suppress(DataError):
                for source, _ in _sources(small[number], options, sizes):
                    found.append(look_at(source.read, source.shape, source.voxel_size_nm))
                    break
    return pool(found) if found else None


def _likeness(images: Sequence[Path], options: SegmentOptions, sizes: PixelSizes) -> float:
    """How alike neighbours are among small files whose names count up (`mitoseg.io.series.likeness`); 0 of others."""
    middle = numbered(images)
    if any(not path.is_file() or path.stat().st_size >= SMALL_BYTES for path in middle):
        return 0.0
    with unheard("mitodata"), suppress(DataError):
        return likeness([source for path in middle for source, _ in _sources(path, options, sizes)])
    return 0.0


def settings_of(model: Model, options: SegmentOptions) -> dict[str, Any]:
    """All that results depend on beside the image."""
    free = {"format", "memory", "overwrite"} | ({"outputs", "ngff"} if options.format == "tiff" else set())
    asked = {name: value for name, value in asdict(options).items() if name not in free}
    computed = {"model": model.fingerprint, "precision": model.precision}
    return {"software": software(), **computed, **asdict(model.decoding), **asked}


def _raise_failures(failures: Sequence[DataError], images: int, some: bool) -> None:
    """List the images that were left out.

    Raises:
        DataError: there are any.
    """
    if not failures:
        return
    if not some:  # it is the call, not an image, that is wrong
        others = f" (and none of the other {images - 1} images could be segmented)" if images > 1 else ""
        raise type(failures[0])(f"{failures[0]}{others}") from failures[0]
    again = "mend or remove what is wrong, and the same command goes on"
    if len(failures) == 1:
        raise type(failures[0])(f"{failures[0]}; the others of {images} images are done: {again}") from failures[0]
    for failure in failures[:MOST_LISTED]:
        _log.warning("%s", failure)
    if len(failures) > MOST_LISTED:
        _log.warning("... and %d more", len(failures) - MOST_LISTED)
    raise DataError(
        f"{len(failures)} of {images} images could not be segmented, listed above; the others are done: {again}"
    )


@contextmanager
def made(folder: Path) -> Iterator[None]:
    """Make a folder, and take it away again if nothing came into it.

    Raises:
        RunError: it cannot be made, or is a URL.
    """
    if is_url(folder):
        raise RunError(f"{as_url(folder)}: is a URL; expected a folder; `mitoseg predict -o URL` sends what it writes")
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"{folder}: cannot be made: {error.strerror or error}; expected a folder") from error
        yield
    finally:
        # A folder that is not empty stays.
        with suppress(OSError):
            for each in missing:
                each.rmdir()
