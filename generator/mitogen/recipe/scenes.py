"""The kinds of scene that can be rendered, and the table of knobs that each one has.

Knobs of the sections `section`, `stack` and `imaging` are there in every scene; a scene may give them a range and a
default of its own. `render.CUTTERS` holds the code of each scene under the same name.
"""

from collections.abc import Mapping

from mitogen.recipe.blob_knobs import BLOBS, COLONIES
from mitogen.recipe.knob import Knob
from mitogen.recipe.tissue_knobs import KNOBS

SCENES: Mapping[str, Mapping[str, Knob]] = {"tissue": KNOBS, "blobs": BLOBS, "blobs-shifted": COLONIES}
DEFAULT_SCENE = "tissue"
WITH_COMPARTMENTS = frozenset({"tissue"})
"""Scenes that have a map of compartments."""
