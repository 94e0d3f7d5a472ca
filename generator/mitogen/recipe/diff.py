"""How two recipes differ, one line a knob."""

from collections.abc import Iterator, Sequence, Set

from mitogen.recipe.recipe import Recipe

_AS_THE_RECIPE = "as the recipe"

Row = tuple[str, str, str]
"""Name of a knob, what one recipe says of it, what the other says."""


def list_differences(a: Recipe, b: Recipe) -> str:
    """Write down every knob that differs as `knob: a -> b`, aligned; `no differences` if there is none.

    Recipes of different scenes are compared in the knobs that both have; how many only one has comes last.
    """
    differing = [(name, one, other) for name, one, other in _rows(a, b, in_both=True) if one != other]
    own = (*_own_kinds(a, b, "first"), *_own_kinds(b, a, "second"), *_count_own(a, b), *_count_own(b, a))
    return "\n".join((*_aligned(differing), *own)) or "no differences"


def first_difference(a: Recipe, b: Recipe) -> Row:
    """Return the first row in which two recipes differ; one of empty texts if they do not."""
    return next((row for row in _rows(a, b) if row[1] != row[2]), ("", "", ""))


def _rows(a: Recipe, b: Recipe, *, in_both: bool = False) -> Iterator[Row]:
    """Everything that the recipes say, whether it differs or not; `in_both`: of kinds that both have only."""
    yield "scene", a.scene, b.scene
    yield "description", a.description or "none", b.description or "none"
    for name in a.values:
        if name in b.values:
            yield name, a.values[name].text(), b.values[name].text()
    names = {kind.name for kind in a.kinds} & {kind.name for kind in b.kinds} if in_both else None
    ours, theirs = _kind_texts(a, names), _kind_texts(b, names)
    for name in dict.fromkeys([*ours, *theirs]):
        yield name, ours.get(name, _AS_THE_RECIPE), theirs.get(name, _AS_THE_RECIPE)


def _kind_texts(recipe: Recipe, names: Set[str] | None) -> dict[str, str]:
    """What the kinds of a recipe, or those with `names`, say: `kind NAME, share` and `kind NAME, knob` -> text."""
    texts: dict[str, str] = {}
    for kind in recipe.kinds:
        if names is not None and kind.name not in names:
            continue
        texts[f"kind {kind.name}, share"] = f"{kind.share:g}"
        texts |= {f"kind {kind.name}, {name}": value.text() for name, value in sorted(kind.values.items())}
    return texts


def _aligned(rows: Sequence[Row]) -> Iterator[str]:
    """One line a row; one long description would push all values off the screen, so it does not count."""
    short = [row for row in rows if row[0] != "description"]
    name_width, value_width = (max((len(row[n]) for row in short), default=0) for n in (0, 1))
    for name, one, other in rows:
        yield f"{name + ':':{name_width + 1}} {one:{value_width}} -> {other}"


def _own_kinds(recipe: Recipe, other: Recipe, which: str) -> Iterator[str]:
    """The kinds of tissue that only the first recipe has, if any, with their shares."""
    theirs = {kind.name for kind in other.kinds}
    own = [f"{kind.name} ({kind.share:.2g})" for kind in recipe.kinds if kind.name not in theirs]
    if own:
        yield f"kinds that only the {which} has, and their shares: {'; '.join(own)}"


def _count_own(recipe: Recipe, other: Recipe) -> Iterator[str]:
    """How many knobs only the first recipe has, if any."""
    own = len(recipe.values.keys() - other.values.keys())
    if own:
        yield f"only in scene {recipe.scene}: {own} of {len(recipe.values)} knobs"
