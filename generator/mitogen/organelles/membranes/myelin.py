"""Myelin: the sheath around an axon."""

import numpy as np
from scipy.special import ndtri

from mitogen.geometry.partial_volume import inside
from mitogen.organelles.organelle import Layer, Organelle
from mitogen.tissue.compartments import Compartment


def draw_myelin(layer: Layer) -> None:
    """Draw the sheath: a spiral of membranes, seen as dark lamellae, from a trunk's surface inwards.

    Its pixels are no longer free.
    """
    canvas, params = layer.canvas, layer.params
    tubes, sheath_nm = layer.trunk_map, layer.trunks.sheath_nm
    if not np.any(sheath_nm > 0):
        return
    at = np.flatnonzero((tubes.nearest >= 0) & (tubes.distance < 30))
    at = at[sheath_nm[tubes.nearest.reshape(-1)[at]] > 0]
    if at.size == 0:
        return
    depth = -tubes.distance.reshape(-1)[at]
    thickness = sheath_nm[tubes.nearest.reshape(-1)[at]]
    reach = canvas.reach(tubes.normal_z.reshape(-1)[at])
    uneven = layer.on_section("myelin_unevenness").reshape(-1)[at]
    within = inside(-depth, reach) * inside(depth - thickness, reach)
    # Clefts between parted lamellae: spindles that run along the sheath, here and there.
    apart = layer.on_section("myelin_clefts").reshape(-1)[at] + ndtri(np.clip(params["myelin.splits"], 1e-6, 1 - 1e-6))
    half = np.clip(0.07 * thickness * np.maximum(apart, 0), 0, 25)
    middle = thickness * (0.5 + 0.3 * np.tanh(layer.on_section("myelin_cleft_depth").reshape(-1)[at]))
    off = depth - middle
    cleft = np.where(half > 4, inside((np.abs(off) - half).astype(np.float32), reach), 0)
    # Lamellae are pushed aside by the cleft.
    pushed = depth - np.sign(off) * half * np.exp(-np.abs(off) / np.maximum(3 * half, 1))
    period = np.float32(params["myelin.period_nm"])
    visible = np.exp(-((2 * reach / period) ** 2))
    stripes = np.cos(2 * np.pi * (pushed + 0.6 * period * uneven) / period) * visible
    stain = params["myelin.density"] + params["myelin.lamellae"] * stripes + params["myelin.unevenness"] * uneven
    stain = stain + cleft * (params["cells.cytoplasm"] - stain)
    canvas.cover(within.astype(np.float32), stain.astype(np.float32), at, Compartment.MYELIN)
    canvas.space.free.reshape(-1)[at[(depth > -10) & (depth < thickness + 10)]] = False


MYELIN = Organelle(
    "myelin",
    draw_myelin,
    fields={"myelin_unevenness": 350.0, "myelin_clefts": 700.0, "myelin_cleft_depth": 900.0},
    compartments=(Compartment.MYELIN,),
)
