"""Knobs that choose one of some names: recipes say the name, files hold its number."""

import pytest

from mitodata.errors import RecipeError
from mitogen.recipe.distributions import Choice, Fixed, Named
from mitogen.recipe.knob import Knob, choice, knob_table
from mitogen.recipe.recipe import Recipe, draw, parse_recipe

KIND = choice("tissue.arrangement", ("crowd", "rows", "lone"), "How cells lie.")
SCENES = {"tissue": knob_table(KIND, Knob("cells.gap_nm", "nm", 0, 9, 1, "A gap."))}


def read(text: str) -> Recipe:
    return parse_recipe(f"[tissue]\narrangement = {text}\n", SCENES)


def test_the_first_name_is_the_default():
    assert draw(Recipe(scenes=SCENES), 0, 0)["tissue.arrangement"] == 0


@pytest.mark.parametrize(("text", "numbers"), [('"rows"', {1}), ("2", {2}), ('{ choice = ["rows", "lone"] }', {1, 2})])
def test_a_name_or_a_choice_of_names_is_drawn_as_numbers(text: str, numbers: set[int]):
    assert {draw(read(text), 1, index)["tissue.arrangement"] for index in range(40)} == numbers


@pytest.mark.parametrize("text", ['"rows"', '{ choice = ["rows", "lone"], weights = [0.5, 2] }'])
def test_a_recipe_is_written_with_names(text: str):
    recipe = read(text)
    assert f"arrangement = {text}" in recipe.to_toml()
    assert parse_recipe(recipe.to_toml(), SCENES) == recipe


def test_weights_count():
    many = read('{ choice = ["crowd", "lone"], weights = [1, 9] }')
    drawn = [draw(many, 1, index)["tissue.arrangement"] for index in range(200)]
    assert 150 < drawn.count(2) < 198


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('"row"', "got 'row'; did you mean rows?; expected one of crowd, rows, lone, or a choice of them"),
        ("3", "got 3; expected one of crowd"),
        ("0.5", "got 0.5; expected one of crowd"),
        ("true", "got True; expected one of crowd"),
        ("{ uniform = [0, 2] }", "expected one of crowd"),
        ('{ choice = ["rows", "x"] }', "got 'x'; expected one of crowd"),
        ('{ choice = ["rows"], weights = [1, 2] }', "2 weights for 1 values"),
        ("{ choice = [] }", "choice"),
    ],
)
def test_anything_else_is_refused_in_one_line(text: str, message: str):
    with pytest.raises(RecipeError) as error:
        read(text)
    assert message in str(error.value) or message == "choice"
    assert "\n" not in str(error.value)


def test_a_name_means_nothing_to_a_knob_that_measures():
    with pytest.raises(RecipeError, match=r"cells\.gap_nm: got 'rows'"):
        parse_recipe('[cells]\ngap_nm = "rows"\n', SCENES)


def test_its_names_are_explained():
    assert KIND.limits() == 'allowed crowd or rows or lone; default "crowd"'
    assert Named(Choice((0.0, 2.0)), KIND.names).toml() == {"choice": ["crowd", "lone"]}
    assert Named(Fixed(1.0), KIND.names).support == (1, 1)
