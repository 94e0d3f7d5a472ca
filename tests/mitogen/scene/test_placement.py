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
from mitogen.scene.placement import Found, find_bodies

WINDOW: Box = (np.array([-100.0, -1000, -1000]), np.array([100.0, 1000, 1000]))
CROWDED = {
    "mitochondria.volume_fraction": 0.15, "mitochondria.aspect": 3.0, "mitochondria.branching": 0.5,
    "mitochondria.radius_nm": 80.0,
    "lysosomes.density_per_um3": 6.0, "lysosomes.radius_nm": 100.0, "endosomes.density_per_um3": 8.0,
}  # fmt: skip


def numbers(**changed: float) -> dict[str, float]:
    values = CROWDED | {name.replace("__", "."): value for name, value in changed.items()}
    return draw(Recipe().override(values), 0, 0)


def names(found: Found) -> set[tuple[float, ...]]:
    """What tells bodies apart, whatever else is found."""
    return set(map(tuple, np.column_stack([found.species, found.centre]).tolist()))


def touching_pairs(tubes: Tubes, body: np.ndarray, gap: float) -> np.ndarray:
    """(B, B) bool: which bodies come closer than the gap."""
    pairs = np.zeros((body.max() + 1,) * 2, np.bool_)
    for tube, owner in enumerate(body):
        np.logical_or.at(pairs[owner], body, touching(tubes, tubes.take(np.array([tube])), gap))
    return pairs


@pytest.mark.parametrize("gap", [15.0, -20.0])
def test_what_stays_is_what_two_rounds_leave(gap: float, monkeypatch: pytest.MonkeyPatch):
    params, streams = numbers(mitochondria__gap_nm=gap), streams_of(5, 2)
    found = find_bodies(params, streams, WINDOW)
    # All candidates, of a window so wide that the fate of those in the narrow one is decided in it.
    with monkeypatch.context() as everything:
        everything.setattr(placement, "_settle", all_of(placement._settle))
        wide = find_bodies(params, streams, (WINDOW[0] - 800, WINDOW[1] + 800))
    pairs = touching_pairs(wide.tubes, wide.body, gap)
    # They come with the winners first.
    rivals = pairs & np.tri(len(pairs), k=-1, dtype=np.bool_)
    first = ~rivals.any(axis=1)
    out = (rivals & first).any(axis=1)
    second = ~(rivals & ~out).any(axis=1)
    stay = first | second
    assert len(found.species) > 20
    assert np.sum(found.species >= 0) > 2
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

    def keep_all(made: Candidates, low: np.ndarray, high: np.ndarray, gap: float) -> np.ndarray:
        settle(made, low, high, gap)
        rows = np.arange(made.filled[0])
        near = np.all((made.rows[rows, :3] > low - 300) & (made.rows[rows, :3] < high + 300), axis=1)
        for row in rows[near]:
            give_shape(made, row)
        return rows[near]

    return keep_all


def test_nothing_that_stays_is_too_close():
    found = find_bodies(numbers(mitochondria__gap_nm=15.0), streams_of(1, 0), WINDOW)
    pairs = touching_pairs(found.tubes, found.body, 15.0)
    assert np.array_equal(pairs, np.eye(len(pairs), dtype=np.bool_))


def test_a_wider_window_shows_the_same_bodies_under_the_same_numbers():
    params, streams = numbers(), streams_of(3, 4)
    narrow = find_bodies(params, streams, WINDOW)
    deep = find_bodies(params, streams, (WINDOW[0], WINDOW[1] + np.array([1500.0, 0, 0])))
    assert names(narrow) < names(deep)
    number = {tuple(centre): n for centre, n in zip(deep.centre.tolist(), deep.number, strict=True)}
    assert [number[tuple(centre)] for centre in narrow.centre.tolist()] == narrow.number.tolist()
    wide = find_bodies(params, streams, (WINDOW[0], WINDOW[1] + np.array([0.0, 1500, 1500])))
    assert names(narrow) < names(wide)


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
