"""What the values of all masks of a dataset mean: foreground, or instances; else the user is asked."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mitodata.errors import DataError
from mitodata.importers.annotations.choice import Choice, within
from mitodata.importers.annotations.doubts import by_jpeg, doubt_encodings, doubt_instances, doubt_masks
from mitodata.importers.annotations.foreground import are_ends, foreground_threshold, is_full, share_foreground
from mitodata.importers.annotations.numbers import Numbers
from mitodata.importers.annotations.survey import WHITE, Table, drop, join
from mitodata.importers.annotations.translation import Translation, choose_translation
from mitodata.importers.components import Labels, as_labels
from mitodata.readers.axes import Pixels
from mitodata.sample import IGNORE

_HALF_WHITE = 127.0

_LEAST_INSTANCES = 4
"""Fewer numbers may as well be classes."""

_REGIONS, _SOLID = 1.5, 0.75
"""Instances have up to this many regions a section, in the mean, and at least this share of them is solid."""

_CLASSES, _APART = 8, 4
"""Up to this many 8-bit values, this many times as far apart as they need be, are classes made to be seen."""

_PICTURE_VALUES, _PICTURE_REGIONS = 64, 5
"""More values, in more regions each, are those of a picture."""

_SHOWN = 6


@dataclass(frozen=True)
class Meaning:
    """What the values of a dataset's masks mean.

    Attributes:
        instances: whether numbers are those of instances; else there is a mask.
        translation: what colours count as.
        choice: what the user said.
        threshold: foreground exceeds it, where the user did not say which values are.
        largest: largest number of an instance.
    """

    instances: bool
    translation: Translation
    choice: Choice
    threshold: float = 0
    largest: int = 0

    def mask(self, numbers: Numbers) -> NDArray[np.uint8]:
        """Make a mask, (Y, X) of 0, 1 and 255 (ignore)."""
        values = _translated(numbers, self.translation)
        if self.choice.ranges or self.choice.colours:
            foreground = within(values, _chosen(self.choice, self.translation))
            if numbers.values.dtype.kind == "b":  # True is white, and 1
                foreground |= within(values * WHITE, self.choice.ranges)
        elif self.choice.everything and not numbers.lossy:
            foreground = values != 0
        else:
            foreground = values > _least(numbers, self.threshold)
        return np.where(within(values, self.choice.unknown), np.uint8(IGNORE), foreground.astype(np.uint8))

    def unknown(self, numbers: Numbers) -> NDArray[np.uint8]:
        """Say where no truth is known, (Y, X): 255 (ignore), else 0."""
        values = _translated(numbers, self.translation)
        return np.where(within(values, self.choice.unknown), np.uint8(IGNORE), np.uint8(0))

    def label(self, numbers: Numbers) -> Labels:
        """Make instances, (Y, X) uint16 or uint32, of one type for all sections."""
        values = _translated(numbers, self.translation)
        return as_labels(np.where(within(values, self.choice.unknown), 0, values), self.largest)


def judge(tables: Sequence[Table], choice: Choice, where: object) -> Meaning:
    """Say what the values of masks mean.

    Two values are background, 0, and foreground. Grey values between the two are those of smooth edges, or a few stray
    pixels. Of 0, 1 and 255 in one file the last is unknown. Separate files of 0 and 1 and of 0 and 255 are masks. More
    values are instances where each is one region or nearly so.

    Args:
        tables: of all sections of a dataset.
        choice: what the user says.
        where: named in errors.

    Raises:
        DataError: the values may be classes, are fractions, negative or those of a picture, do not fit what the user
            says, or are those of masks that JPEG has moved or emptied.
    """
    lossy = [table for table in tables if table.numbers.lossy]
    bits = [table for table in tables if table.bits]
    exact = [table for table in tables if not (table.bits or table.numbers.lossy)]
    case = _Case(where, exact, [*lossy, *bits], choice)
    if choice.names:
        raise DataError(f"{where}: has no names of classes such as {choice.names[0]}; expected {case.values_said}")
    if choice.ranges or choice.colours:
        case.check_chosen()
        return Meaning(False, case.translation, choice)
    if choice.everything:
        return Meaning(False, case.translation, choice)
    if lossy and not choice.instances:
        _check_lossy(lossy, choice, where)
    if choice.instances and not exact:
        raise DataError(f"{where}: holds JPEG files or masks of single bits; expected numbers of instances")
    threshold = None if choice.instances else case.threshold()
    if threshold is None and case.has_void:
        return judge(tables, replace(choice, unknown=((IGNORE, IGNORE),)), where)
    if threshold is not None:
        if choice.offered:
            case.doubt(threshold)
        return Meaning(False, case.translation, choice, threshold)
    if lossy or any(len(table.objects) for table in bits):
        raise DataError(
            f"{where}: holds masks of one {'bit' if bits else 'value in JPEG files'} beside {case.listed}; expected "
            "masks alone, or numbers of instances alone and without loss, as in PNG or TIFF"
        )
    largest = case.largest_instance()
    if choice.offered and not choice.instances and 0 < len(case.found.objects) <= _CLASSES:
        doubt_instances(case.listed, case.translation.name(case.found.objects[0]), where)
    return Meaning(True, case.translation, choice, largest=largest)


class _Case:
    """The values of all sections that are stored without loss, and what speaks for what."""

    def __init__(self, where: object, exact: list[Table], others: list[Table], choice: Choice) -> None:
        self._where, self._choice = where, choice
        self.translation = choose_translation(exact)
        self.tables = [_translate(table, self.translation, choice) for table in exact]
        self._others = others

    @cached_property
    def found(self) -> Table:
        """All values without loss."""
        return join(self.tables)

    @property
    def values_said(self) -> str:
        """What the user may say, if asked."""
        if not self._choice.offered:
            return "a mask of 0 and 255"
        objects = join([*self.tables, *self._others]).objects
        example = self.translation.name(objects[0]) if len(objects) else "1"
        return f"a choice: --mask-values instances, any (all are foreground), or those of foreground, such as {example}"

    @property
    def listed(self) -> str:
        """The values, and how many regions each has."""
        found = join([*self.tables, *self._others])
        each = [
            f"{self.translation.name(value)} ({regions} region{'' if regions == 1 else 's'})"
            for value, regions in zip(found.values, found.regions, strict=True)
            if value
        ]
        more = f", ... ({len(each)} values)" if len(each) > _SHOWN else ""
        return ", ".join(each[:_SHOWN]) + more

    @property
    def has_void(self) -> bool:
        """Whether values are 0, 1 and 255, as in masks of ours and of Pascal VOC: 255 is what is unknown."""
        left_open = self._choice.open and not self._choice.unknown
        return left_open and not self._others and self.found.values.tolist() == [0, 1, IGNORE]

    def check_chosen(self) -> None:
        """Check that there is something of what the user chose."""
        chosen = _chosen(self._choice, self.translation)
        every = [*(table.values for table in self.tables), *(_whites(table) for table in self._others)]
        if not any(within(values, chosen).any() for values in every):
            raise DataError(f"{self._where}: no pixel has one of the mask values asked for; found {self.listed}")

    def threshold(self) -> float | None:
        """What the foreground of a mask exceeds; None if this is none."""
        if all(is_full(table) for table in self.tables):
            return 0.0 if share_foreground(self.tables) else None
        self._check_range()
        found = self.found
        threshold = foreground_threshold(found)
        eight_bits = {table.largest for table in self.tables} == {WHITE}
        if threshold is None and eight_bits and are_ends(found):
            ends = join([table.as_ends or table for table in self.tables])
            return None if foreground_threshold(ends, lossy=True) is None else _HALF_WHITE
        return threshold

    def doubt(self, threshold: float) -> None:
        """Say what is remarkable about masks whose foreground exceeds this.

        Raises:
            DataError: they are probably not as they were drawn.
        """
        tables = [*self.tables, *self._others]
        foreground = sum(int(table.pixels[table.values > _least(table.numbers, threshold)].sum()) for table in tables)
        found = join(self.tables or self._others)
        doubt_masks(found, foreground, sum(int(table.pixels.sum()) for table in tables), self._where)
        if self.tables and threshold == 0 and self.found.values.tolist() == [0, 1, IGNORE]:
            doubt_encodings(self._where)

    def largest_instance(self) -> int:
        """The largest number, after a check that numbers are those of instances."""
        found = self.found
        self._check_range()
        if not len(found.values):
            return 0
        if found.values.dtype.kind == "f":
            raise DataError(
                f"{self._where}: {len(found.values)} values from {found.values[0]:g} to {found.values[-1]:g} are "
                "fractions, as of probabilities; expected "
                + self._said("a mask; say where foreground begins, as in --mask-values 0.5-1")
            )
        if found.values[-1] > np.iinfo(np.uint32).max:
            raise DataError(f"{self._where}: numbers up to {found.values[-1]}; expected at most 4294967295")
        if not self._choice.instances:
            self._check_instances()
        return int(found.values[-1])

    def _said(self, advice: str) -> str:
        """What is expected: advice about options, where the user has them."""
        return advice if self._choice.offered else self.values_said

    def _check_range(self) -> None:
        values = self.found.values
        if len(values) and values[0] < 0:
            raise DataError(
                f"{self._where}: values from {values[0]:g} to {values[-1]:g}; expected "
                + self._said(f"none below 0; if that is what is unknown, say --unknown {values[0]:g}")
            )

    def _check_instances(self) -> None:
        found = self.found
        count, top = len(found.objects), found.values[-1]
        regions = found.regions.sum() / max(found.sections[found.values != 0].sum(), 1)
        largest = {table.largest for table in self.tables}
        if count > _PICTURE_VALUES and regions > _PICTURE_REGIONS:
            raise DataError(
                f"{self._where}: {count} values in {found.regions.sum()} regions look like a picture; expected a mask, "
                "or numbers of instances"
            )
        if found.values[0] != 0:
            self._ask("lack 0, which is background")
        if by_jpeg(found):
            self._ask("look like a mask of 0 and 1 that JPEG has changed; it should be as it was drawn")
        apart = top <= WHITE and count <= _CLASSES and top > _APART * count
        specks = np.mean(found.solid[found.values != 0]) < _SOLID
        if count < _LEAST_INSTANCES or regions > _REGIONS or specks or apart:
            self._ask("may be instances or classes")
        if top in largest and top - 1 not in found.values:
            self._ask(f"may be instances, but {top} may be what is unknown (--unknown {top})")

    def _ask(self, why: str) -> None:
        raise DataError(f"{self._where}: values {self.listed} {why}; expected {self.values_said}")


def _translated(numbers: Numbers, translation: Translation) -> Pixels:
    return translation.numbers(numbers.values, numbers.kind, numbers.palette)


def _translate(table: Table, translation: Translation, choice: Choice) -> Table:
    """Count the values of a table as all others, without those that are unknown."""
    values = translation.numbers(table.values, table.numbers.kind, table.numbers.palette)
    return drop(join([replace(table, values=values)]), choice.unknown)


def _chosen(choice: Choice, translation: Translation) -> tuple[tuple[float, float], ...]:
    numbers = [translation.number(colour) for colour in choice.colours]
    return (*choice.ranges, *((number, number) for number in numbers))


def _whites(table: Table) -> Pixels:
    """Values of a table, with white for single bits as well."""
    return np.append(table.values, WHITE) if table.bits and len(table.objects) else table.values


def _least(numbers: Numbers, threshold: float) -> float:
    """What foreground exceeds: half of white in JPEG, 0 in single bits, else the threshold."""
    if numbers.lossy:
        return _HALF_WHITE
    return 0 if numbers.values.dtype.kind == "b" else threshold


def _check_lossy(tables: list[Table], choice: Choice, where: object) -> None:
    """Check that JPEG files are masks of black and white; where the user is not asked, one may be black."""
    found = join([table.as_ends or table for table in tables])
    if any(table.numbers.tinted for table in tables):
        raise DataError(f"{where}: JPEG with colours; JPEG changes numbers and colours, save the masks as PNG or TIFF")
    if found.values[-1] == WHITE and foreground_threshold(found, lossy=True) is not None:
        return
    top = max(int(table.values[-1]) for table in tables)
    if top == 0 and not choice.offered:
        return
    if top <= _HALF_WHITE:
        empty = " (or, if all of them are empty, say --mask-values any)" if choice.offered else ""
        raise DataError(
            f"{where}: JPEG with values up to {top}; expected black and white: JPEG loses small numbers, save the "
            f"masks as PNG{empty}"
        )
    raise DataError(
        f"{where}: JPEG with more than black and white; JPEG changes numbers; save the masks as PNG or TIFF"
    )
