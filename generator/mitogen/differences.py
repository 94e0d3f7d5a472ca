"""How two recipes differ, one line a knob."""

from mitogen.recipe import Recipe


def list_differences(a: Recipe, b: Recipe) -> str:
    """Write down every knob that differs as `knob: a -> b`, aligned; `no differences` if there is none.

    Recipes of different scenes are compared in the knobs that both have; how many only one has is said last.
    """
    shared = [name for name in a.values if name in b.values]
    rows = [("scene", a.scene, b.scene), ("description", a.description or "none", b.description or "none")]
    rows += [(name, a.values[name].text(), b.values[name].text()) for name in shared]
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
