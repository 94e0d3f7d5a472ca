"""What the tests of knobs look at: the scene and one section of it, at given numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from skimage.measure import regionprops

from mitogen.geometry.grid import Grid
from mitogen.geometry.point_process import streams_of
from mitogen.geometry.tubes import Tubes
from mitogen.imaging.pipeline import photograph
from mitogen.organelles.organelle import MITOCHONDRION
from mitogen.recipe.recipe import Recipe
from mitogen.rendering.image import grid_of, render
from mitogen.scene.scene import Scene, build
from mitogen.scene.section import Section, cut
from mitogen.tissue.compartments import Compartment
from mitogen.tissue.crowd import Crowd, cut_crowd
from mitogen.tissue.neuropil import Neuropil

SEED = 9
SIZE = 112


@dataclass(frozen=True, eq=False)
class View:
    """One image at given numbers; each stage is worked out when it is first asked for."""

    params: Mapping[str, float]
    index: int
    size: int = SIZE

    @cached_property
    def grid(self) -> Grid:
        return grid_of(self.params, (1, self.size, self.size))

    @cached_property
    def scene(self) -> Scene:
        return build(self.params, streams_of(SEED, self.index), self.grid)

    @cached_property
    def section(self) -> Section:
        return cut(self.scene, self.params, self.grid, 0.0, streams_of(SEED, self.index), compartments=True)

    @property
    def crowd(self) -> Crowd:
        assert isinstance(self.scene.layout, Neuropil)
        return self.scene.layout.crowd

    @property
    def tubes(self) -> Tubes:
        """Those of mitochondria and round bodies."""
        return self.scene.inclusions.tubes

    @cached_property
    def owner(self) -> np.ndarray:
        """Cell of each pixel, before anything pushes into the crowd."""
        return cut_crowd(self.crowd, self.grid, 0.0).owner

    @cached_property
    def layout(self) -> tuple[np.ndarray, np.ndarray]:
        """Centre of the cell under each pixel, and the distance of the nearest membrane, before anything pushes."""
        space = cut_crowd(self.crowd, self.grid, 0.0)
        return self.crowd.centre[space.owner], space.membrane

    @cached_property
    def raw(self) -> np.ndarray:
        return self.photo(self.section.density)

    @cached_property
    def volume(self) -> np.ndarray:
        """Grey levels of five neighbouring sections."""
        return render(Recipe().override(self.params), SEED, self.index, (5, 64, 64)).raw.astype(float)

    def photo(self, density: np.ndarray) -> np.ndarray:
        return photograph(density, self.params, streams_of(SEED, self.index), 0).astype(float)

    def at(self, *compartments: Compartment) -> np.ndarray:
        return np.isin(self.section.compartments, compartments)

    def stain(self, *compartments: Compartment) -> np.ndarray:
        return self.section.density[self.at(*compartments)]

    @cached_property
    def mitochondria(self) -> np.ndarray:
        return np.flatnonzero(self.scene.inclusions.species == MITOCHONDRION)

    @cached_property
    def profiles(self) -> list:
        return [r for r in regionprops(self.section.label) if r.area > 60]
