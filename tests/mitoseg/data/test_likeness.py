"""Which kinds of tissue look most like images. Kinds of one preset that differ in what shows in any crop."""

from mitogen.match.look import Studio, render_crops
from mitogen.recipe.recipe import load_recipe, parse_recipe
from mitoseg.data.likeness import KEPT, favour_alike

RECIPE = """
base = "s0"
kinds = [
    { name = "sharp", share = 0.5, imaging = { blur_px = 0.3, noise = 3 } },
    { name = "smooth", share = 0.3, imaging = { blur_px = 3, noise = 0.5 } },
]
"""


def test_the_kind_that_looks_like_the_images_gets_more_and_none_is_given_up() -> None:
    recipe = parse_recipe(RECIPE)
    voxel_size_nm = (10.0, 10.0, 10.0)
    geometry = {"section.spacing_nm": 10, "section.thickness_nm": 10, "section.pixel_nm": 10}
    for name, other in (("sharp", "smooth"), ("smooth", "sharp")):
        crops = render_crops(Studio(recipe.override(geometry), 1, 80), {}, range(3), name)
        found = favour_alike(recipe.to_toml(), crops, voxel_size_nm, seed=0)
        assert list(found.distances) == [name, other]
        before, after = (
            {kind.name: kind.share for kind in each.kinds} for each in (recipe, parse_recipe(found.recipe))
        )
        assert after[name] > 1.1 * before[name]
        assert after[other] >= KEPT * before[other]
        assert abs(sum(after.values()) - 0.8) < 1e-6
        assert found.shares == {name: after[name], other: after[other]}


def test_small_images_and_recipes_without_kinds_change_nothing() -> None:
    plain, kinds = load_recipe("s0").to_toml(), parse_recipe(RECIPE).to_toml()
    crops = render_crops(Studio(load_recipe("s0"), 1, 40), {}, range(1))
    for recipe in (plain, kinds):
        assert favour_alike(recipe, crops, (10.0, 10.0, 10.0), seed=0).recipe == recipe
