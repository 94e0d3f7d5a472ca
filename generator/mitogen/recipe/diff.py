"""How two recipes differ, one line a knob."""

from mitogen.recipe.recipe import Recipe


def list_differences(a: Recipe, b: Recipe) -> str:
    """Write down every knob that differs as `knob: a -> b`, aligned; `no differences` if there is none.

    Recipes of different scenes are compared in the knobs that both have; how many only one has is said last.
    """
    shared = [name for name in a.values if name in b.values]
    rows = [("scene", a.scene, b.scene), ("description", a.description or "none", b.description or "none")]
    rows += [(name, a.values[name].text(), b.values[name].text()) for name in shared]
    in_kinds = [_kind_rows(recipe) for recipe in (a, b)]
    names = dict.fromkeys([*in_kinds[0], *in_kinds[1]])
    rows += [(name, in_kinds[0].get(name, "as the recipe"), in_kinds[1].get(name, "as the recipe")) for name in names]
    rows = [(name, one, other) for name, one, other in rows if one != other]
    # One long description would push all values off the screen.
    short = [row for row in rows if row[0] != "description"]
    name_width, value_width = (max((len(row[n]) for row in short), default=0) for n in (0, 1))
    lines = [f"{name + ':':{name_width + 1}} {one:{value_width}} -> {other}" for name, one, other in rows]
    for recipe in (a, b):
        if len(recipe.values) > len(shared):
            own = len(recipe.values) - len(shared)
            lines.append(f"only in scene {recipe.scene}: {own} of {len(recipe.values)} knobs")
    return "\n".join(lines) or "no differences"


def _kind_rows(recipe: Recipe) -> dict[str, str]:
    """What the kinds of a recipe say: `kind NAME, share` and `kind NAME, knob` -> text."""
    rows: dict[str, str] = {}
    for kind in recipe.kinds:
        rows[f"kind {kind.name}, share"] = f"{kind.share:g}"
        rows |= {f"kind {kind.name}, {name}": value.text() for name, value in sorted(kind.values.items())}
    return rows
