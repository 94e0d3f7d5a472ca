"""The kinds of scene and their tables of knobs; knobs by name: found, explained, or what may have been meant.

Knobs of the sections `section`, `stack` and `imaging` are there in every scene; a scene may give them a range and a
default of its own. `rendering.image.CUTTERS` holds the code of each scene under the same name.
"""

from collections.abc import Iterator, Mapping

from mitodata.errors import RecipeError, did_you_mean
from mitogen.recipe.blob_knobs import BLOBS, COLONIES
from mitogen.recipe.knob import Knob
from mitogen.recipe.tissue_knobs import KNOBS

SCENES: Mapping[str, Mapping[str, Knob]] = {"tissue": KNOBS, "blobs": BLOBS, "blobs-shifted": COLONIES}
DEFAULT_SCENE = "tissue"
WITH_COMPARTMENTS = frozenset({"tissue"})
"""Scenes that have a map of compartments."""


MOST_NAMED = 4
"""Knobs up to which those that may have been meant are named."""

Scenes = Mapping[str, Mapping[str, Knob]]
"""Tables of knobs, by scene."""


def find_knobs(name: str, scenes: Scenes = SCENES) -> list[Knob]:
    """Look up one knob of any scene by its full name, or all knobs of a section.

    A knob that several scenes have is listed once, as the first of them has it.

    Raises:
        RecipeError: there is neither.
    """
    first: dict[str, Knob] = {}
    for table in scenes.values():
        for knob in table.values():
            first.setdefault(knob.name, knob)
    found = [knob for knob in first.values() if name in (knob.name, knob.name.split(".")[0])]
    if not found:
        raise RecipeError(unknown_knob(name, scenes))
    return found


def explain_knobs(name: str, scenes: Scenes = SCENES) -> str:
    """Describe what `find_knobs` finds, and where scenes differ.

    Raises:
        RecipeError: there is nothing of this name.
    """
    return "\n\n".join("\n".join(_explain(knob, scenes)) for knob in find_knobs(name, scenes))


def list_sections(scenes: Scenes = SCENES) -> str:
    """List the knobs of every section by their short names, one section a line."""
    sections: dict[str, dict[str, None]] = {}
    for name in (name for table in scenes.values() for name in table):
        section, _, short = name.partition(".")
        sections.setdefault(section, {})[short] = None
    return "\n".join(f"{section}: {', '.join(shorts)}" for section, shorts in sections.items())


def _explain(knob: Knob, scenes: Scenes) -> Iterator[str]:
    yield knob.describe()
    having = {scene: table[knob.name] for scene, table in scenes.items() if knob.name in table}
    if len(having) < len(scenes):
        yield f"  only in scene {' and '.join(having)}"
    for scene, own in having.items():
        if own != knob:
            yield f"  in scene {scene}: {own.limits()}"


def unknown_knob(name: str, scenes: Scenes, scene: str | None = None) -> str:
    """Say that a knob is unknown (in `scene`), and what may have been meant."""
    elsewhere = [other for other, table in scenes.items() if name in table]
    if scene and elsewhere:
        return f"{name}: is a knob of scene {' and '.join(elsewhere)}, and the recipe's scene is {scene}"
    known = scenes[scene] if scene else dict.fromkeys(knob for table in scenes.values() for knob in table)
    alike = [] if "." in name else [knob for knob in known if name in knob.partition(".")[2]]
    if not alike:
        names = known if scene else {**dict.fromkeys(knob.partition(".")[0] for knob in known), **dict.fromkeys(known)}
        return f"{name}: unknown knob{did_you_mean(name, names, '`mitogen recipe explain` lists all knobs')}"
    more = f" and {len(alike) - MOST_NAMED} more" if len(alike) > MOST_NAMED else ""
    return f"{name}: unknown knob; did you mean {', '.join(alike[:MOST_NAMED])}{more}?"
