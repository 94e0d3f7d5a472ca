"""From real images and a recipe to a recipe that looks like them: screen, search, widen, and look at fresh images."""

import json
import time
from collections.abc import Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from hashlib import sha256
from math import inf
from pathlib import Path
from statistics import fmean
from typing import Literal

import optuna

from mitodata.cluster.progress import Progress
from mitodata.errors import MitoError
from mitogen.gap.appearance import Appearance
from mitogen.gap.comparison import appearance_distance
from mitogen.match.look import Studio, appearance_with
from mitogen.match.ranges import Range, candidates, named_ranges
from mitogen.match.search import Values, chosen_once, finished, open_study, search
from mitogen.match.target import Target
from mitogen.recipe.distributions import Distribution
from mitogen.recipe.kinds import find_kind
from mitogen.recipe.recipe import Recipe
from mitogen.rendering.job import RenderError
from mitogen.rendering.process_pool import Workers

FAVOURED = 0.6
"""Share of the images that the kind of tissue nearest to the real images gets at least."""


_VERSION = 2  # of the way to search; 1 knew no kinds


@dataclass(frozen=True)
class Settings:
    """How a search is done.

    Attributes:
        knobs: names of knobs or sections to turn; if empty, those to which the look is most sensitive.
        most: how many of those at most.
        trials: how many settings are tried, those in the storage included.
        minutes: after this much time no further round of trials begins.
        width: how wide a matched knob is drawn afterwards, as a share of what the recipe drew.
        crops: images a trial.
        fresh: images that the search does not see, on which the result is judged.
        seed: of the images and of the search.

    Raises:
        MitoError: a number is impossible.
    """

    knobs: tuple[str, ...] = ()
    most: int = 10
    trials: int = 200
    minutes: float = inf
    width: float = 0.5
    crops: int = 8
    fresh: int = 24
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.most, self.trials, self.crops, self.fresh) < 1 or not self.minutes > 0:
            raise MitoError("knobs, trials, minutes and images: expected more than 0")
        if not 0 <= self.width <= 1:
            raise MitoError(f"width {self.width:g}: expected 0 to 1")


@dataclass(frozen=True, eq=False)
class Match:
    """What was found.

    Attributes:
        target: what was matched.
        studio: where images are rendered; its recipe is the one to begin with, at the voxel size of the real images.
        kinds: mean distance of single images of each kind of tissue in the recipe, the nearest first; empty if it has
            none.
        matched: the recipe with each matched knob drawn around its best value, in the nearest kind if there are kinds.
        best: that value by name.
        ranges: of these knobs.
        trials: how many settings were tried.
        before, at_best, after: looks of fresh images by the recipe, by the best values alone, and by what `matched`
            draws around them; the latter two of the nearest kind.
    """

    target: Target
    studio: Studio
    kinds: Mapping[str, float]
    matched: Recipe
    best: Values
    ranges: Sequence[Range]
    trials: int
    before: Appearance
    at_best: Appearance
    after: Appearance

    @property
    def kind(self) -> str | None:
        """The kind that was matched; None if the recipe has none."""
        return next(iter(self.kinds), None)

    def distances(self) -> tuple[float, float, float]:
        """How far the recipe, the best values, and `matched` are from the real images, without labels."""
        before, at_best, after = (
            appearance_distance(look, self.target.appearance) for look in (self.before, self.at_best, self.after)
        )
        return before, at_best, after


def match_recipe(
    recipe: Recipe, target: Target, storage: Path, settings: Settings, workers: int | Literal["auto"] = "auto"
) -> Match:
    """Search for the values of some knobs with which images look most like real ones, and draw around them.

    Of a recipe with kinds of tissue, the kind that looks most like the real images is matched, and gets more of the
    images; the others stay as they are.

    The result depends on the recipe, the images, the settings and the version of mitogen, not on the number of workers
    nor on whether the search was stopped and continued (unless by `minutes`).

    Scripts that call this need the usual `if __name__ == "__main__":` guard, because workers are fresh interpreters.

    Args:
        recipe: where to begin.
        target: from `look_at_real`.
        storage: the journal of the search; it goes on with what is there.
        settings: how.
        workers: number of processes, or "auto" for one a core.

    Raises:
        RecipeError: a knob is unknown or has no range, or the voxel size is impossible for the recipe.
        DataError: the storage cannot be used, or holds another search.
        RenderError: an image failed, or a worker was killed.
        KeyboardInterrupt: stopped by Ctrl-C; its message says what is kept.
    """
    until = time.monotonic() + 60 * settings.minutes
    z, y, _ = target.voxel_size_nm
    geometry = {"section.spacing_nm": z, "section.thickness_nm": z, "section.pixel_nm": y}
    studio = Studio(recipe.override(geometry, where=target.name), settings.seed, target.size_px)
    named_ranges(studio.recipe, settings.knobs)  # before the first image is rendered
    study = open_study(storage, _fingerprint(studio, target, settings))
    try:
        with Workers(studio, workers) as pool:
            return _match(_Task(studio, target, settings, until, study, pool))
    except KeyboardInterrupt:
        done = f"{finished(study)} of {settings.trials} trials are kept in {storage}"
        raise KeyboardInterrupt(f"stopped; {done}; the same command goes on from there") from None
    except BrokenProcessPool as error:
        raise RenderError(f"a worker was killed, perhaps because memory ran out; {storage} keeps the trials") from error


@dataclass(frozen=True, eq=False)
class _Task:
    """What is searched for, and with what."""

    studio: Studio
    target: Target
    settings: Settings
    until: float
    study: optuna.Study
    pool: Workers[Studio]

    @property
    def seen(self) -> int:
        """How many images the search looks at, from number 0 on."""
        return 2 * self.settings.crops


def _match(task: _Task) -> Match:
    """Choose the kind and the knobs, search, and look at fresh images of what was found."""
    studio, target = task.studio, task.target
    nearest = chosen_once(task.study, "kinds", lambda: rank_kinds(task.pool, studio, target, range(task.seen)))
    kinds = dict(nearest)
    kind = next(iter(kinds), None)
    ranges = _choose_ranges(task, studio.recipe.alone(kind), kind)
    best = _search(task, studio.recipe.alone(kind), kind, ranges)
    params = {one.knob.name: one.widened(best[one.knob.name], task.settings.width) for one in ranges}
    before, at_best, after = _look_afresh(task, kind, best, params)
    matched = studio.recipe.override(params) if kind is None else favoured(studio.recipe, kind, params)
    return Match(target, studio, kinds, matched, best, ranges, finished(task.study), before, at_best, after)


def _choose_ranges(task: _Task, recipe: Recipe, kind: str | None) -> list[Range]:
    """The knobs that were asked for, or those to which the look is most sensitive."""

    def choose() -> list[str]:
        asked = named_ranges(recipe, task.settings.knobs)
        return [one.knob.name for one in asked or screen(task.pool, recipe, kind, task.settings)]

    return named_ranges(recipe, chosen_once(task.study, "knobs", choose))


def _search(task: _Task, recipe: Recipe, kind: str | None, ranges: list[Range]) -> Values:
    """Search for the values of knobs with which a kind looks most like the real images."""
    images = range(task.settings.crops)

    def judge(trials: Sequence[Mapping[str, float]]) -> list[float]:
        looks = [task.pool.submit(appearance_with, values, images, kind) for values in trials]
        return [appearance_distance(look.result(), task.target.appearance) for look in looks]

    middle = {one.knob.name: _middle(recipe, one) for one in ranges}
    limits = (task.settings.seed, task.settings.trials, task.until)
    return search(task.study, ranges, middle, judge, limits).params


def _look_afresh(
    task: _Task, kind: str | None, best: Values, params: Mapping[str, Distribution]
) -> tuple[Appearance, Appearance, Appearance]:
    """Look at images that the search did not see: by the recipe, the best values, and what is drawn around them."""
    fresh = range(task.seen, task.seen + task.settings.fresh)
    looks = [task.pool.submit(appearance_with, {}, fresh)]
    looks += [task.pool.submit(appearance_with, values, fresh, kind) for values in (best, params)]
    before, at_best, after = (look.result() for look in looks)
    return before, at_best, after


def rank_kinds(pool: Workers[Studio], studio: Studio, target: Target, images: Sequence[int]) -> list[tuple[str, float]]:
    """Measure how far each kind of tissue in the recipe is from the real images; the nearest first.

    It is the mean over single images: images of a kind that is of no look in particular may agree with the real ones
    on average, and none of them by itself.
    """
    looks = {
        kind.name: [pool.submit(appearance_with, {}, [image], kind.name) for image in images]
        for kind in studio.recipe.kinds
    }
    far = {
        name: fmean(appearance_distance(look.result(), target.appearance) for look in some)
        for name, some in looks.items()
    }
    return sorted(far.items(), key=lambda pair: pair[1])


def favoured(recipe: Recipe, kind: str, params: Mapping[str, Distribution]) -> Recipe:
    """Return the recipe with some knobs of a kind changed, and more of its images of that kind.

    The shares of all others, and what is of no kind, shrink by one factor to make room.
    """
    old = find_kind(recipe.kinds, kind)
    share = max(old.share, FAVOURED)
    factor = (1 - share) / (1 - old.share) if old.share < 1 else 1.0
    new = replace(old, share=share, values={**old.values, **params})
    kinds = (new if one is old else replace(one, share=one.share * factor) for one in recipe.kinds)
    return replace(recipe, kinds=tuple(kinds))


def screen(pool: Workers[Studio], recipe: Recipe, kind: str | None, settings: Settings) -> list[Range]:
    """Find the knobs that change the look most from one end of their range to the other, one at a time.

    Returns:
        At most `settings.most`, the most sensitive first.
    """
    images = range(-(-settings.crops // 2))
    ends = [
        (one, [pool.submit(appearance_with, {one.knob.name: end}, images, kind) for end in (one.low, one.high)])
        for one in candidates(recipe)
    ]
    change = {}
    with Progress("knob", len(ends), verb="tried") as bar:
        for one, (low, high) in ends:
            change[one] = appearance_distance(low.result(), high.result())
            bar.advance(1)
    return sorted(change, key=lambda one: -change[one])[: settings.most]


def _middle(recipe: Recipe, one: Range) -> float:
    """Where the recipe has the knob, within what is searched."""
    low, high = one.ends
    return min(max(recipe.values[one.knob.name].ppf(0.5), low), high)


def _fingerprint(studio: Studio, target: Target, settings: Settings) -> str:
    """Hash what a distance, and the choice of knobs, depend on."""
    looks = [_VERSION, studio.job({}).fingerprint(), target.fingerprint()]
    parts = [*looks, settings.knobs, settings.most, settings.crops]
    return sha256(json.dumps(parts).encode()).hexdigest()
