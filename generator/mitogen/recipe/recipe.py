"""Recipes: what every knob is for one dataset, read from TOML, and the numbers drawn from it for one image.

A recipe file holds only what differs from its base: `base = "mito"` (a preset, or another file beside it that ends in
.toml), an optional `scene` (see `catalogue.SCENES`; without one that of the base, else tissue) and `description`, one
table a section, and optional `[[kinds]]` of tissue (see `mitogen.recipe.kinds`), which replace those of the base.
`without = ["muscle"]` leaves out some of the kinds.
Errors are one line: where, got, expected.
"""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from os.path import realpath
from pathlib import Path

import tomli_w

from mitodata.errors import RecipeError, did_you_mean
from mitogen.recipe.catalogue import DEFAULT_SCENE, SCENES, Scenes, unknown_knob
from mitogen.recipe.distributions import Distribution
from mitogen.recipe.kinds import Kind, Tissue, check_kinds, find_kind, leave_out, parse_kinds, pick_kind
from mitogen.recipe.knob import Knob
from mitogen.recipe.rng import uniform, uniforms

PRESETS = files("mitogen.recipe") / "presets"
_SHOWN = 100  # characters of what cannot be read


@dataclass(frozen=True)
class Recipe:
    """A complete recipe: a number or a distribution for every knob that its scene has.

    Attributes:
        scene: name of the kind of scene.
        description: one line on what it renders; may be empty.
        values: knob name -> number or distribution; knobs left out get their default, so afterwards every knob has one.
        scenes: every scene's table of knobs.
        kinds: what differs in shares of the images; see `mitogen.recipe.kinds`.

    Raises:
        RecipeError: the scene or a knob is unknown, or a value is impossible or outside the allowed range.
    """

    scene: str = DEFAULT_SCENE
    description: str = ""
    values: Mapping[str, Distribution] = field(default_factory=dict)
    scenes: Scenes = field(default_factory=lambda: SCENES, repr=False)
    kinds: tuple[Kind, ...] = ()

    def __post_init__(self) -> None:
        _check_scene(self.scene, self.scenes)
        check_kinds(self.kinds)
        given = {name: self.check(name, value) for name, value in self.values.items()}
        complete = {name: given.get(name) or knob.fit(knob.default) for name, knob in self.knobs.items()}
        object.__setattr__(self, "values", complete)

    @property
    def knobs(self) -> Mapping[str, Knob]:
        """The table of knobs of its scene."""
        return self.scenes[self.scene]

    def override(self, values: Mapping[str, object], *, description: str = "", where: str = "") -> "Recipe":
        """Return a recipe with some knobs changed, in all its kinds.

        Args:
            values: knob name -> number, distribution, or the TOML form of one (`{"uniform": [5, 50]}`).
            description: the new description; the old one stays if it is empty.
            where: what error messages begin with: the file or option the values come from.

        Raises:
            RecipeError: see the class.
        """
        changed = {name: self.check(name, value, where) for name, value in values.items()}
        kinds = tuple(kind.without(changed) for kind in self.kinds)
        return replace(
            self, description=description or self.description, values={**self.values, **changed}, kinds=kinds
        )

    def alone(self, kind: str | None) -> "Recipe":
        """Return the recipe that renders nothing but one of its kinds; None: the recipe as it is.

        Raises:
            RecipeError: there is no such kind.
        """
        if kind is None:
            return self
        return replace(self, values={**self.values, **find_kind(self.kinds, kind).values}, kinds=())

    def without(self, *names: str) -> "Recipe":
        """Return the recipe without some of its kinds; the others share their part of the images.

        Args:
            names: kinds, or presets that stand for several ("brain" for "brain: fly, ssTEM" and the like).

        Raises:
            RecipeError: there is no such kind, or no other.
        """
        return replace(self, kinds=leave_out(self.kinds, names)) if names else self

    def to_toml(self) -> str:
        """Write the whole recipe, every knob resolved; reading it again gives an equal recipe and the same text."""
        lines = [tomli_w.dumps({"scene": self.scene})]
        lines += [tomli_w.dumps({"description": self.description})] if self.description else []
        lines += _sections(self.values, "")
        for kind in self.kinds:
            lines += ["\n[[kinds]]\n", tomli_w.dumps({"name": kind.name, "share": kind.share})]
            lines += _sections(kind.values, "kinds.")
        return "".join(lines)

    def check(self, name: str, value: object, where: str = "") -> Distribution:
        """Make the value of a knob, a number or a TOML form, a distribution within the knob's range.

        Raises:
            RecipeError: see the class; `where` begins its message.
        """
        prefix = f"{where}: " if where else ""
        if name not in self.knobs:
            raise RecipeError(f"{prefix}{unknown_knob(name, self.scenes, self.scene)}")
        try:
            return self.knobs[name].fit(value)
        except ValueError as error:
            raise RecipeError(f"{prefix}{name}: {error}") from error


def load_recipe(
    preset: str | None = None,
    path: Path | None = None,
    overrides: Iterable[str] = (),
    scenes: Scenes = SCENES,
) -> Recipe:
    """Read a recipe.

    Args:
        preset: name of a preset that comes with mitogen (see `preset_names`).
        path: or a TOML file; with neither, every knob has its default.
        overrides: changes on top, each `section.knob=VALUE` with VALUE a number or a TOML table such as
            `{ uniform = [5, 50] }`.
        scenes: every scene's table of knobs.

    Raises:
        RecipeError: there is no such preset or file, it is no TOML, or a knob or a value in it is not possible.
    """
    if preset is not None and path is not None:
        raise RecipeError(f"got preset {preset} and recipe {path}; expected one of them (a recipe may say base = ...)")
    if preset is not None:
        recipe = _load_preset(preset) if scenes is SCENES else _read(Recipe(scenes=scenes), _preset(preset), ())
    else:
        recipe = Recipe(scenes=scenes)
    if path is not None:
        recipe = _read(recipe, Path(path), ())
    return adjust(recipe, overrides)


def adjust(recipe: Recipe, overrides: Iterable[str]) -> Recipe:
    """Return a recipe with changes as `load_recipe` takes them.

    Raises:
        RecipeError: a knob or its value is not possible.
    """
    for override in overrides:
        recipe = recipe.override(_parse_override(override), where="--set")
    return recipe


def open_recipe(name: str, overrides: Iterable[str] = ()) -> Recipe:
    """Read a recipe by one name: a file if it ends in .toml, else a preset.

    Raises:
        RecipeError: see `load_recipe`; or a file that does not end in .toml.
    """
    is_file = name.endswith(".toml")
    if not is_file and name not in preset_names() and Path(name).exists():
        raise RecipeError(f"{name}: expected a preset ({', '.join(preset_names())}) or a file that ends in .toml")
    return load_recipe(None if is_file else name, Path(name) if is_file else None, overrides)


def parse_recipe(text: str, scenes: Scenes = SCENES, where: str = "recipe") -> Recipe:
    """Read a recipe from text, for instance the one stored in a dataset.

    Raises:
        RecipeError: see `load_recipe`.
    """
    return _apply(Recipe(scenes=scenes), _toml(text, where), Path(where), (where,))


def preset_names() -> list[str]:
    """List the presets that come with mitogen."""
    return sorted(preset_files())


def draw(recipe: Recipe, seed: int, index: int) -> dict[str, float]:
    """Draw the numbers of one image.

    Each knob has a uniform number of its own from (seed, index, its name), so that changing one knob leaves the numbers
    of all others as they were. So has the choice of its kind.

    Args:
        recipe: where they come from.
        seed: seed of the dataset, >= 0.
        index: number of the image, >= 0.

    Returns:
        Knob name -> number, one for every knob, in the order of the table of knobs.
    """
    kind = pick_kind(recipe.kinds, uniform(seed, index, "kind")) if recipe.kinds else None
    values = {**recipe.values, **kind.values} if kind else recipe.values
    places = uniforms(seed, index, _stages(tuple(values)))
    return {name: value.ppf(place) for (name, value), place in zip(values.items(), places, strict=True)}


@lru_cache(maxsize=16)
def _stages(knobs: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the streams of knobs."""
    return tuple(f"knob:{name}" for name in knobs)


def _check_scene(name: str, scenes: Scenes, where: str = "") -> None:
    if name not in scenes:
        hint = did_you_mean(str(name), scenes)
        raise RecipeError(f"{where}scene {name!r}: unknown{hint}; there is: {', '.join(scenes)}")


def preset_files() -> dict[str, Traversable]:
    """The files of all presets by their names; those of single tissues lie in a folder of their own."""
    files = [item for folder in (PRESETS, PRESETS / "tissues") for item in folder.iterdir()]
    return {item.name.removesuffix(".toml"): item for item in files if item.name.endswith(".toml")}


def _preset(name: str) -> Traversable:
    presets = preset_files()
    if name not in presets:
        names = sorted(presets)
        hint = did_you_mean(name, names, f"there is: {', '.join(names)}")
        raise RecipeError(f"preset {name}: unknown{hint}")
    return presets[name]


@lru_cache(maxsize=32)
def _load_preset(name: str) -> Recipe:
    """Read a preset; that of every tissue takes a tenth of a second."""
    return _read(Recipe(), _preset(name), ())


def _read(start: Recipe, source: Traversable | Path, seen: tuple[str, ...]) -> Recipe:
    where = str(source) if isinstance(source, Path) and not _is_preset(source) else f"preset {source.name}"
    if realpath(where) in map(realpath, seen):  # one file by two names
        raise RecipeError(f"{where}: starts from itself ({' -> '.join([*seen, where])})")
    try:
        text = source.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise RecipeError(f"{where}: cannot be read ({error.strerror}); expected a TOML file") from error
    except UnicodeDecodeError as error:
        raise RecipeError(f"{where}: is not text (byte {error.start}); expected a TOML file in UTF-8") from error
    return _apply(start, _toml(text, where), source, (*seen, where))


def _is_preset(path: Path) -> bool:
    return PRESETS in path.parents


def _toml(text: str, where: str) -> dict[str, object]:
    try:
        table = tomllib.loads(text)
        repr(table)  # what a message could not show is refused here
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{where}: not valid TOML: {str(error).splitlines()[0]}") from error
    except (ValueError, RecursionError) as error:  # thousands of digits or brackets
        raise RecipeError(f"{where}: a number too long, or tables nested too deeply; expected knobs") from error
    return table


def _apply(start: Recipe, table: dict[str, object], source: Traversable | Path, seen: tuple[str, ...]) -> Recipe:
    """Apply one TOML table, its base first."""
    where = seen[-1]
    base, description, scene = (table.pop(key, "") for key in ("base", "description", "scene"))
    if not (isinstance(base, str) and isinstance(description, str) and isinstance(scene, str)):
        raise RecipeError(f"{where}: base, description and scene: expected text in quotes")
    if base:
        start = _read_named(start, base, source, seen)
    if scene:
        _check_scene(scene, start.scenes, f"{where}: ")
        if base and scene != start.scene:
            raise RecipeError(f"{where}: scene {scene!r}, but its base {base} is {start.scene!r}; expected the same")
        start = start if base else Recipe(scene, scenes=start.scenes)
    kinds, without = table.pop("kinds", None), table.pop("without", [])
    if not isinstance(without, list) or not all(isinstance(name, str) for name in without):
        raise RecipeError(f"{where}: without: got {without!r}; expected a list of kinds, such as ['muscle']")
    values: dict[str, object] = {}
    for section, knobs in table.items():
        if not isinstance(knobs, dict):
            raise RecipeError(f"{where}: {section}: expected a table [{section}] with knobs, got {knobs!r}")
        values |= {f"{section}.{knob}": value for knob, value in knobs.items()}
    recipe = start.override(values, description=description, where=where)
    if kinds is None:
        return recipe.without(*without)
    recipe = replace(recipe, kinds=())

    def open_tissue(name: str) -> Tissue:
        tissue = _read_named(Recipe(scenes=start.scenes), name, source, seen)
        if tissue.scene != recipe.scene:
            raise RecipeError(f"{where}: kind {name!r} is {tissue.scene!r}; expected {recipe.scene!r}")
        return {knob: v for knob, v in tissue.values.items() if v != recipe.values[knob]}, tissue.kinds

    return replace(recipe, kinds=parse_kinds(kinds, recipe.check, open_tissue, where)).without(*without)


def _read_named(start: Recipe, name: str, source: Traversable | Path, seen: tuple[str, ...]) -> Recipe:
    """Read what a recipe file refers to: a file beside it that ends in .toml, or a preset."""
    if name.endswith(".toml") and isinstance(source, Path):
        return _read(start, source.parent / name, seen)
    return _read(start, _preset(name), seen)


def _sections(values: Mapping[str, Distribution], prefix: str) -> Iterator[str]:
    """Write knobs as TOML tables, sections and names in alphabetical order."""
    section = ""
    for name, value in sorted(values.items(), key=lambda item: item[0].split(".")):
        if name.split(".")[0] != section:
            section = name.split(".")[0]
            yield f"\n[{prefix}{section}]\n"
        yield f"{name.split('.')[1]} = {value.text()}\n"


def _parse_override(text: str) -> dict[str, object]:
    name, equals, value = text.partition("=")
    try:
        if not (equals and name.strip()):
            raise ValueError
        return {name.strip(): _toml(f"value = {value}", name)["value"]}
    except (ValueError, RecipeError) as error:
        line = " ".join(text.split())
        shown = line if len(line) <= _SHOWN else f"{line[:_SHOWN]}..."
        raise RecipeError(
            f"--set {shown}: expected section.knob=VALUE, VALUE a number or e.g. '{{ uniform = [5, 50] }}'"
        ) from error
