"""The table of arrangements: how cells may fill space, as `tissue.arrangement` of a recipe chooses."""

from collections.abc import Mapping

from mitogen.recipe.tissue_knobs import KNOBS
from mitogen.tissue.cells.epithelium import EPITHELIUM
from mitogen.tissue.cells.loose import LOOSE_CELLS
from mitogen.tissue.cells.tubule import TUBULE
from mitogen.tissue.fibres.muscle import MUSCLE
from mitogen.tissue.layout import Arrangement
from mitogen.tissue.neuropil import NEUROPIL

ARRANGEMENTS: Mapping[str, Arrangement] = {
    arrangement.name: arrangement for arrangement in (NEUROPIL, MUSCLE, LOOSE_CELLS, EPITHELIUM, TUBULE)
}
"""By their names in the knob."""


def arrangement_of(params: Mapping[str, float]) -> Arrangement:
    """The arrangement that an image's params name."""
    return ARRANGEMENTS[KNOBS["tissue.arrangement"].names[int(params["tissue.arrangement"])]]
