"""Which bodies stay, against the definition worked out for all candidates at once."""

import numpy as np
import pytest

from mitogen.geometry.collisions import touching
from mitogen.geometry.point_process import Box, streams_of
from mitogen.geometry.tubes import Tubes
from mitogen.organelles.table import ROUND_BODIES
from mitogen.recipe.recipe import Recipe, draw
from mitogen.scene import placement
from mitogen.scene.candidates import Candidates, give_shape
from mitogen.scene.placement import PlacedBodies, find_bodies
from mitogen.scene.spaced_points import OVERLAP

WINDOW: Box = (np.array([-100.0, -1000, -1000]), np.array([100.0, 1000, 1000]))
CROWDED = {
    "mitochondria.volume_fraction": 0.15, "mitochondria.aspect": 3.0, "mitochondria.branching": 0.5,
    "mitochondria.radius_nm": 80.0,
    "lysosomes.density_per_um3": 6.0, "lysosomes.radius_nm": 100.0, "endosomes.density_per_um3": 8.0,
    "insulin.density_per_um3": 10.0, "insulin.radius_nm": 90.0,
}  # fmt: skip
INSULIN = [body.name for body in ROUND_BODIES].index("insulin")


def numbers(**changed: float) -> dict[str, float]:
    values = CROWDED | {name.replace("__", "."): value for name, value in changed.items()}
    return draw(Recipe().override(values), 0, 0)


def names(found: PlacedBodies) -> set[tuple[float, ...]]:
    """What tells bodies apart, whatever else is found."""
    return set(map(tuple, np.column_stack([found.species, found.centre]).tolist()))


def touching_pairs(tubes: Tubes, body: np.ndarray, gap: float) -> np.ndarray:
    """(B, B) bool: which bodies come closer than the gap."""
    pairs = np.zeros((body.max() + 1,) * 2, np.bool_)
    for tube, owner in enumerate(body):
        pairs[owner, body[touching(tubes, tubes.take(np.array([tube])), gap)]] = True
    return pairs


def pairs_of(found: PlacedBodies, gap: float) -> np.ndarray:
    """(B, B) bool: which bodies are rivals; crowded ones may overlap one another a little, and know of no others."""
    crowded = found.species == INSULIN
    pairs = np.zeros((len(crowded), len(crowded)), np.bool_)
    for among, limit in ((~crowded, gap), (crowded, gap - 2 * OVERLAP * CROWDED["insulin.radius_nm"])):
        tubes, bodies = np.flatnonzero(among[found.body]), np.flatnonzero(among)
        body = np.searchsorted(bodies, found.body[tubes])
        pairs[np.ix_(bodies, bodies)] = touching_pairs(found.tubes.take(tubes), body, limit)
    return pairs


@pytest.mark.parametrize("gap", [15.0, -20.0])
def test_what_stays_is_what_two_rounds_leave(gap: float, monkeypatch: pytest.MonkeyPatch):
    params, streams = numbers(mitochondria__gap_nm=gap), streams_of(5, 2)
    found = find_bodies(params, streams, WINDOW)
    # All candidates, of a window so wide that the fate of those in the narrow one is decided in it.
    with monkeypatch.context() as everything:
        everything.setattr(placement, "_settle", all_of(placement._settle))
        wide = find_bodies(params, streams, (WINDOW[0] - 800, WINDOW[1] + 800))
    pairs = pairs_of(wide, gap)
    # They come with the winners first.
    rivals = pairs & np.tri(len(pairs), k=-1, dtype=np.bool_)
    first = ~rivals.any(axis=1)
    out = (rivals & first).any(axis=1)
    second = ~(rivals & ~out).any(axis=1)
    stay = first | second
    assert len(found.species) > 20
    assert np.sum(found.species == INSULIN) > 5
    assert np.sum((found.species >= 0) & (found.species != INSULIN)) > 2
    assert second.sum() > first.sum()
    names_of_all = np.column_stack([wide.species, wide.centre]).tolist()
    chosen = names(found)
    expected = {tuple(name) for name, kept in zip(names_of_all, stay, strict=True) if kept and tuple(name) in chosen}
    assert chosen == expected
    lost = [name for name, kept in zip(names_of_all, stay, strict=True) if kept and tuple(name) not in chosen]
    reaches = wide.tubes.reaching((WINDOW[0] + 50, WINDOW[1] - 50))
    in_sight = {tuple(names_of_all[body]) for body in wide.body[reaches]}
    assert not in_sight & set(map(tuple, lost))


def all_of(settle):
    """Instead of what stays, everything that may reach into the box, with its shape."""

    def keep_all(made: Candidates, low: np.ndarray, high: np.ndarray, gap: float, crowded: bool) -> np.ndarray:
        settle(made, low, high, gap, crowded)
        rows = np.arange(made.filled[0])
        rows = rows[(made.groups["spacing"][made.group[rows]] > 0) == crowded]
        near = np.all((made.rows[rows, :3] > low - 300) & (made.rows[rows, :3] < high + 300), axis=1)
        for row in rows[near]:
            give_shape(made, row)
        return rows[near]

    return keep_all


def test_nothing_that_stays_is_too_close():
    found = find_bodies(numbers(mitochondria__gap_nm=15.0), streams_of(1, 0), WINDOW)
    pairs = pairs_of(found, 15.0)
    assert np.array_equal(pairs, np.eye(len(pairs), dtype=np.bool_))


def test_a_wider_window_shows_the_same_bodies_under_the_same_numbers():
    params, streams = numbers(), streams_of(3, 4)
    narrow = find_bodies(params, streams, WINDOW)
    deep = find_bodies(params, streams, (WINDOW[0], WINDOW[1] + np.array([1500.0, 0, 0])))
    assert names(narrow) < names(deep)
    number = {tuple(centre): n for centre, n in zip(deep.centre.tolist(), deep.number, strict=True)}
    # Those further around are there for crowded bodies alone, and are not shown.
    shown = np.unique(narrow.body[narrow.tubes.reaching(WINDOW)])
    assert [number[tuple(centre)] for centre in narrow.centre[shown].tolist()] == narrow.number[shown].tolist()
    wide = find_bodies(params, streams, (WINDOW[0], WINDOW[1] + np.array([0.0, 1500, 1500])))
    assert names(narrow) < names(wide)


@pytest.mark.parametrize(("density", "radius", "share"), [(4.0, 150.0, 0.072), (13.0, 165.0, 0.311)])
def test_granules_are_as_dense_as_asked_at_the_density_of_an_islet(density: float, radius: float, share: float):
    none = {f"{body.name}.density_per_um3": 0.0 for body in ROUND_BODIES} | {"mitochondria.volume_fraction": 0.0}
    wanted = {"insulin.density_per_um3": density, "insulin.radius_nm": radius, "insulin.aspect": 1.3}
    params = draw(Recipe().override(none | wanted | {"mitochondria.gap_nm": 0.0}), 0, 0)
    window = np.array([-800.0, -2500, -2500]), np.array([800.0, 2500, 2500])
    volume, counts, filled = float(np.prod((window[1] - window[0]) / 1000)), [], []
    for seed in range(2):
        found = find_bodies(params, streams_of(seed, 0), window)
        within = np.all((found.centre >= window[0]) & (found.centre < window[1]), axis=1)
        tubes = found.tubes.take(np.flatnonzero(within))
        length = np.linalg.norm(np.diff(tubes.nodes, axis=1), axis=2).sum(axis=1)
        size = tubes.radii.mean(axis=1) / 1000
        counts.append(within.sum() / volume)
        filled.append(np.sum(4 / 3 * np.pi * size**3 + np.pi * size**2 * length / 1000) / volume)
    assert np.mean(counts) == pytest.approx(density, rel=0.1)
    assert np.mean(filled) == pytest.approx(share, rel=0.12)


def test_too_little_room_is_noticed(monkeypatch: pytest.MonkeyPatch):
    usual = find_bodies(numbers(), streams_of(3, 4), WINDOW)
    monkeypatch.setattr(placement, "_ROOM", 16)
    other = find_bodies(numbers(), streams_of(3, 4), WINDOW)
    np.testing.assert_array_equal(usual.tubes.nodes, other.tubes.nodes)
    np.testing.assert_array_equal(usual.number, other.number)


def test_groups_of_which_there_are_none_cost_nothing():
    none = {f"{body.name}.density_per_um3": 0.0 for body in ROUND_BODIES}
    params = draw(Recipe().override({"mitochondria.volume_fraction": 0.0} | none), 0, 0)
    found = find_bodies(params, streams_of(0, 0), WINDOW)
    assert len(found.tubes) == len(found.species) == 0
