"""Kinds of tissue within one recipe: knobs that are drawn together, because in nature they come together.

Knobs are drawn one by one, so wide ranges mix the membranes of one laboratory with the noise of another. A kind says
what differs in a share of the images, for instance those that look like a fly's nerve cord under a TEM:

    [[kinds]]
    name = "fly, ssTEM"
    share = 0.25
    [kinds.mitochondria]
    radius_nm = 124

or is a whole preset, or file, with the kinds that it has itself, and perhaps with changes of its own:

    [[kinds]]
    preset = "liver"
    share = 0.1
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from mitodata.errors import RecipeError
from mitogen.recipe.distributions import Distribution

Fit = Callable[[str, object, str], Distribution]
"""(name of a knob, value in TOML, what messages begin with) -> checked distribution."""

Tissue = tuple[Mapping[str, Distribution], Sequence["Kind"]]
"""What a preset says of each knob where it differs from the recipe that names it, and the kinds that it has itself."""


@dataclass(frozen=True)
class Kind:
    """What differs from the rest of a recipe in a share of its images.

    Attributes:
        name: what the kind is called in messages and tables.
        share: share of the images, above 0 and at most 1.
        values: knob name -> distribution; knobs that are left out are those of the recipe.
    """

    name: str
    share: float
    values: Mapping[str, Distribution]

    def without(self, knobs: Mapping[str, object]) -> "Kind":
        """This kind, saying nothing of `knobs`."""
        return Kind(self.name, self.share, {name: v for name, v in self.values.items() if name not in knobs})


def find_kind(kinds: Sequence[Kind], name: str) -> Kind:
    """The kind of this name.

    Raises:
        RecipeError: there is none.
    """
    for kind in kinds:
        if kind.name == name:
            return kind
    raise RecipeError(f"kind {name!r}: not in the recipe; expected one of {', '.join(kind.name for kind in kinds)}")


def leave_out(kinds: Sequence[Kind], names: Sequence[str]) -> tuple[Kind, ...]:
    """The other kinds, whose shares grow to what all had; a name stands for a kind, or a preset with all its kinds.

    Raises:
        RecipeError: there is no such kind, or no other.
    """
    for name in names:
        if not any(_is_of(kind, name) for kind in kinds):
            find_kind(kinds, name)
    others = [kind for kind in kinds if not any(_is_of(kind, name) for name in names)]
    if not others:
        raise RecipeError(f"without {', '.join(names)}: no kind is left; expected to keep one")
    factor = sum(kind.share for kind in kinds) / sum(kind.share for kind in others)
    return tuple(replace(kind, share=kind.share * factor) for kind in others)


def _is_of(kind: Kind, name: str) -> bool:
    return kind.name == name or kind.name.startswith(f"{name}: ")


def parse_kinds(table: object, fit: Fit, open_tissue: Callable[[str], Tissue], where: str) -> tuple[Kind, ...]:
    """Read the `kinds` of a recipe file.

    Args:
        table: what TOML holds under `kinds`.
        fit: checks the value of a knob.
        open_tissue: reads a preset by its name.
        where: what error messages begin with.

    Raises:
        RecipeError: no such list, a name or share is missing, or a knob, its value or a preset is not possible.
    """
    if not isinstance(table, list) or not all(isinstance(item, dict) for item in table):
        raise RecipeError(f"{where}: kinds: expected [[kinds]] tables, each with name, share and [kinds.SECTION] knobs")
    kinds: list[Kind] = []
    for item in table:
        preset = item.get("preset", "")
        if not isinstance(preset, str):
            raise RecipeError(f"{where}: kinds: preset is {preset!r}; expected the name of one in quotes")
        rest = {key: value for key, value in item.items() if key != "preset"}
        kind = _parse_kind({"name": preset, **rest} if preset else rest, fit, where)
        kinds += _spread_out(kind, *open_tissue(preset)) if preset else [kind]
    return tuple(kinds)


def _spread_out(kind: Kind, values: Mapping[str, Distribution], within: Sequence[Kind]) -> list[Kind]:
    """A kind that is a preset, as one kind for each of the preset's own and one for what these leave of it."""
    left = 1 - sum(each.share for each in within)
    parts = [Kind("", left, {})] if left > 1e-9 else []
    parts += within
    names = [f"{kind.name}: {part.name}" if part.name else kind.name for part in parts]
    return [
        Kind(name, kind.share * part.share, {**values, **part.values, **kind.values})
        for name, part in zip(names, parts, strict=True)
    ]


def check_kinds(kinds: Sequence[Kind]) -> None:
    """Check that names are unique and that shares add up to no more than all images.

    Raises:
        RecipeError: they do not.
    """
    names = [kind.name for kind in kinds]
    for name in names:
        if names.count(name) > 1:
            raise RecipeError(f"kind {name!r}: occurs {names.count(name)} times; expected names of their own")
    total = sum(kind.share for kind in kinds)
    if total > 1 + 1e-9:
        raise RecipeError(
            f"kinds: their shares add up to {total:g}; expected at most 1, the rest being the recipe itself"
        )


def pick_kind(kinds: Sequence[Kind], u: float) -> Kind | None:
    """The kind that a uniform number `u` in [0, 1) falls on; None for the share that no kind takes."""
    for kind in kinds:
        if u < kind.share:
            return kind
        u -= kind.share
    return None


def _parse_kind(table: dict[str, object], fit: Fit, where: str) -> Kind:
    name, share = table.pop("name", None), table.pop("share", None)
    if not isinstance(name, str) or not name:
        raise RecipeError(f"{where}: kinds: name is {name!r}; expected text in quotes")
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 1:
        raise RecipeError(f"{where}: kind {name!r}: share is {share!r}; expected a number above 0 and at most 1")
    values: dict[str, Distribution] = {}
    for section, knobs in table.items():
        if not isinstance(knobs, dict):
            raise RecipeError(f"{where}: kind {name!r}: {section}: expected a table [kinds.{section}], got {knobs!r}")
        for knob, value in knobs.items():
            values[f"{section}.{knob}"] = fit(f"{section}.{knob}", value, f"{where}: kind {name!r}")
    return Kind(name, float(share), values)
