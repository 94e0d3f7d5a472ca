"""Which sections are held out, so that none of them is nearly the same as one that is learned from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from math import ceil

import numpy as np

from mitodata import DataError
from mitoseg.data.sections import SectionFiles, Slab

GAP = 8
"""Most slices left out between training and validation."""

ALIKE = 0.25
"""Correlation from which on neighbouring images of a file are taken for slices of one stack.

Independent images stay below 0.1; sections 50 nm apart have 0.3 or more, sections 5 nm apart 0.8.
"""

_PAIRS = 15


@dataclass(frozen=True)
class Split:
    """Sections to learn from and sections held out.

    Attributes:
        training: to learn from.
        held_out: for validation.
        notes: what the user should know, one line each.
    """

    training: list[Slab]
    held_out: list[Slab]
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Choice:
    """Which of some samples or sections are held out: those from `first` to `stop`; `gap` beside them go unused."""

    ordered: list[Slab]
    first: int
    stop: int
    gap: int = 0

    @property
    def held_out(self) -> list[Slab]:
        return self.ordered[self.first : self.stop]

    @property
    def training(self) -> list[Slab]:
        return self.ordered[: max(0, self.first - self.gap)] + self.ordered[self.stop + self.gap :]


def split_sections(files: SectionFiles, fraction: float, seed: int) -> Split:
    """Split the samples of `files` into those for training and those for validation.

    Independent samples, single sections or volumes, are drawn at random. Neighbouring slices of a volume are nearly
    the same image, so where there are too few volumes to hold out whole ones, each gives a block of its last slices,
    and the slices beside them (a twentieth, at most `GAP`) go unused. Single sections that look like the slices of one
    stack are treated so, too. Where nothing that would be held out has foreground, others are that have some.

    Returns:
        Slabs, each of one sample.

    Raises:
        DataError: one of the two would be empty.
    """
    choices: list[_Choice] = []
    notes: list[str] = []
    singles: list[Slab] = []
    volumes: list[Slab] = []
    for number, slabs in groupby(files.slabs(), key=lambda slab: slab.file):
        samples = list(slabs)
        flat = [slab for slab in samples if slab.depth == 1]
        volumes += [slab for slab in samples if slab.depth > 1]
        if len(flat) == len(samples) and (likeness := _likeness(files, flat)) > ALIKE:
            notes.append(
                f"{files.files[number].path}: neighbouring images look alike (correlation {likeness:.2f}), as slices "
                "of one stack do; the last ones are held out, since a random choice would leak"
            )
            choices.append(_last(flat, fraction))
        else:
            singles += flat
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(4,)))
    choices.append(_random(singles, fraction, rng))
    if len(volumes) * fraction >= 1:
        choices.append(_random(volumes, fraction, rng))
    else:
        choices += [_last(list(single_sections([volume])), fraction) for volume in volumes]
    if not any(files.any_foreground(choice.held_out) for choice in choices):
        choices, moved = _move_to_foreground(files, choices)
        notes += moved
    training = [slab for choice in choices for slab in choice.training]
    held_out = [slab for choice in choices for slab in choice.held_out]
    if not training or not held_out:
        raise DataError(
            f"{files.files[0].path}: too few sections to hold out a fraction of {fraction:g}; give --val FILE"
        )
    return Split(_joined(training), _joined(held_out), notes)


def single_sections(slabs: Sequence[Slab]) -> Iterator[Slab]:
    """The sections of slabs, one by one."""
    return (Slab(slab.file, slab.sample, z) for slab in slabs for z in range(slab.z, slab.z + slab.depth))


def spread(sections: Sequence[Slab], count: int) -> list[Slab]:
    """At most `count` of `sections`, evenly spread."""
    if len(sections) <= count:
        return list(sections)
    return [sections[int(i)] for i in np.linspace(0, len(sections) - 1, count).round()]


def spread_with_foreground(files: SectionFiles, sections: Sequence[Slab], count: int) -> list[Slab]:
    """As `spread`; if none of the chosen has foreground, the first of `sections` that has some takes a place."""
    chosen = spread(sections, count)
    if len(chosen) == len(sections) or files.any_foreground(chosen):
        return chosen
    found = next((number for number, section in enumerate(sections) if files.any_foreground([section])), None)
    if found is not None:
        chosen[round(found * (len(chosen) - 1) / (len(sections) - 1))] = sections[found]
    return chosen


def _random(samples: Sequence[Slab], fraction: float, rng: np.random.Generator) -> _Choice:
    """Hold out samples at random."""
    order = [samples[i] for i in rng.permutation(len(samples))]
    return _Choice(order, 0, max(1, round(len(samples) * fraction)) if samples else 0)


def _last(ordered: list[Slab], fraction: float) -> _Choice:
    """Hold out the last of neighbouring slices and drop those beside them."""
    first = len(ordered) - max(1, round(len(ordered) * fraction))
    return _Choice(ordered, first, len(ordered), min(GAP, ceil(len(ordered) / 20)))


def _move_to_foreground(files: SectionFiles, choices: Sequence[_Choice]) -> tuple[list[_Choice], list[str]]:
    """Hold out others of the same samples, so that some with foreground are on both sides; and a note that says so.

    Nothing changes where that is impossible.
    """
    for number, choice in enumerate(choices):
        has = [files.any_foreground([slab]) for slab in choice.ordered]
        size = choice.stop - choice.first
        both = [
            min(
                sum(has[first : first + size]),
                sum(has[: max(0, first - choice.gap)] + has[first + size + choice.gap :]),
            )
            for first in range(len(has) - size + 1)
        ]
        if any(both):
            first = both.index(max(both))
            note = f"{files.files[0].path}: none of what would be held out has foreground, so other sections are"
            return [*choices[:number], replace(choice, first=first, stop=first + size), *choices[number + 1 :]], [note]
    return list(choices), []


def _joined(sections: Sequence[Slab]) -> list[Slab]:
    """Join sections that follow each other in one sample."""
    slabs: list[Slab] = []
    for section in sections:
        last = slabs[-1] if slabs else None
        if last and (last.file, last.sample, last.z + last.depth) == (section.file, section.sample, section.z):
            slabs[-1] = Slab(last.file, last.sample, last.z, last.depth + section.depth)
        else:
            slabs.append(section)
    return slabs


def _likeness(files: SectionFiles, samples: Sequence[Slab]) -> float:
    """Median correlation of neighbouring images of one file; 0 if it was rendered or their shapes differ."""
    if files.file(samples[0].file).provenance.recipe:
        return 0.0
    found = []
    for first in spread(samples[:-1], _PAIRS):
        second = Slab(first.file, first.sample + 1, 0)
        if files.shape(first) == files.shape(second):
            # Every fourth pixel is enough; a constant image has no correlation.
            pair = np.stack([files.read(section)[0][::4, ::4].ravel() for section in (first, second)])
            if pair[0].std() > 0 and pair[1].std() > 0:
                found.append(float(np.corrcoef(pair[0], pair[1]).item(1)))
    return float(np.median(found)) if found else 0.0
