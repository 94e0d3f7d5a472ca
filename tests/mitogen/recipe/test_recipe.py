import os
import time
from pathlib import Path

import pytest

from mitodata import RecipeError
from mitogen.recipe.catalogue import SCENES as RENDERED
from mitogen.recipe.catalogue import explain_knobs, find_knobs
from mitogen.recipe.diff import list_differences
from mitogen.recipe.distributions import Fixed, LogNormal, Uniform
from mitogen.recipe.knob import Knob, knob_table
from mitogen.recipe.recipe import (
    Recipe,
    draw,
    load_recipe,
    open_recipe,
    parse_recipe,
    preset_names,
)
from mitogen.recipe.tissue_knobs import KNOBS
from mitogen.rendering.image import CUTTERS

TABLE = knob_table(
    Knob("mitochondria.length_nm", "nm", 50, 20000, Uniform(200, 2000), "Length."),
    Knob("mitochondria.radius_nm", "nm", 30, 800, LogNormal(130, 0.35, 50, 350), "Radius."),
    Knob("section.thickness_nm", "nm", 1, 200, 30, "Thickness."),
)
TISSUE = {"tissue": TABLE}
BUBBLES = knob_table(
    Knob("bubbles.radius_nm", "nm", 100, 9000, 500, "Radius of a bubble."),
    Knob("section.thickness_nm", "nm", 1, 900, 300, "Thickness."),
)
SCENES = {"tissue": TABLE, "bubbles": BUBBLES}


def write(folder: Path, text: str, name: str = "mine.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_defaults_presets_file_and_overrides_come_in_this_order(tmp_path: Path) -> None:
    write(tmp_path, "description = 'base'\n[mitochondria]\nradius_nm = 100\nlength_nm = 500\n", "base.toml")
    path = write(tmp_path, "base = 'base.toml'\n[mitochondria]\nlength_nm = { uniform = [300, 400] }\n")
    recipe = load_recipe(path=path, overrides=["section.thickness_nm = 50"], scenes=TISSUE)
    assert recipe.description == "base"
    assert recipe.values == {
        "mitochondria.length_nm": Uniform(300, 400),
        "mitochondria.radius_nm": Fixed(100),
        "section.thickness_nm": Fixed(50),
    }


def test_a_recipe_may_start_from_a_preset(tmp_path: Path) -> None:
    path = write(tmp_path, 'base = "mito"\n')
    assert load_recipe(path=path) == load_recipe("mito")


@pytest.mark.parametrize("preset", preset_names())
def test_presets_read_and_round_trip(preset: str) -> None:
    recipe = load_recipe(preset)
    text = recipe.to_toml()
    assert recipe.description
    assert set(recipe.values) == set(RENDERED[recipe.scene])
    assert parse_recipe(text) == recipe
    assert parse_recipe(text).to_toml() == text


def test_description_survives_any_character() -> None:
    recipe = Recipe(description='quotes " \\ and µm', scenes=TISSUE)
    assert parse_recipe(recipe.to_toml(), TISSUE) == recipe


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[mitochondria]\nlenght_nm = 3\n",
            "mitochondria.lenght_nm: unknown knob; did you mean mitochondria.length_nm?",
        ),
        ("[mitochondria]\nradius_nm = 5000\n", "mitochondria.radius_nm: 5000 is outside the allowed 30 to 800 nm"),
        ("[mitochondria]\nradius_nm = { uniform = [90, 40] }\n", "mitochondria.radius_nm: low 90 and high 40"),
        ("[mitochondria]\n[mitochondria.radius_nm]\nfoo = 1\n", "mitochondria.radius_nm: unknown distribution 'foo'"),
        ("[mitochondria\nradius_nm = 50\n", "line 1"),
        ("[section]\n\nthickness_nm = \n", "line 3"),
        ("radius = 50\n", "radius: expected a table [radius]"),
        ("base = 3\n", "expected text in quotes"),
        ("base = 'mine.toml'\n", "starts from itself"),
        ("base = '../recipes/mine.toml'\n", "starts from itself"),
        ("[section]\nthickness_nm = " + "9" * 5000, "a number too long, or tables nested too deeply"),
        ("section = 0x" + "f" * 5000, "a number too long, or tables nested too deeply"),
        ("section = " + "[" * 3000 + "]" * 3000, "a number too long, or tables nested too deeply"),
        (
            "[section]\nthickness_nm = { normal = { mean = 500, std = 1 } }",
            "thickness_nm: practically no value falls between low and high",
        ),
        ("base = 'other.toml'\n", "other.toml: cannot be read"),
        ("base = 'mto'\n", "preset mto: unknown; did you mean mito?"),
    ],
)
def test_a_bad_recipe_is_one_line_that_names_the_file(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "recipes").mkdir()
    path = write(tmp_path / "recipes", text)
    with pytest.raises(RecipeError) as caught:
        load_recipe(path=path, scenes=TISSUE)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "mto" in text or str(tmp_path) in str(caught.value)


def test_what_is_no_text_file_is_named(tmp_path: Path) -> None:
    binary = tmp_path / "image.toml"
    binary.write_bytes(b"\x89PNG\xff")
    for path in (binary, tmp_path, tmp_path / "missing.toml"):
        with pytest.raises(RecipeError, match="expected a TOML file"):
            load_recipe(path=path, scenes=TISSUE)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, "")
    path.chmod(0)
    with pytest.raises(RecipeError, match="Permission denied"):
        load_recipe(path=path)


@pytest.mark.parametrize(
    "override",
    [
        *("section.thickness_nm", "section.thickness_nm=", "section.thickness_nm={uniform", "=3"),
        *(f"section.thickness_nm={value}" for value in ("[" * 5000, "9" * 5000, "0x" + "f" * 5000, "3\n4")),
    ],
    ids=range(8),
)
def test_a_bad_override_says_the_form(override: str) -> None:
    with pytest.raises(RecipeError, match=r"^--set .*: expected section\.knob=VALUE.*$") as caught:
        load_recipe(overrides=[override], scenes=TISSUE)
    assert len(str(caught.value)) < 300


def test_preset_and_file_together_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="expected one of them"):
        load_recipe("mito", write(tmp_path, ""))


def test_open_by_one_name(tmp_path: Path) -> None:
    assert open_recipe("mito") == load_recipe("mito")
    assert open_recipe(str(write(tmp_path, "base = 'mito'"))) == load_recipe("mito")


def test_changing_one_knob_leaves_the_numbers_of_all_others() -> None:
    before = draw(Recipe(scenes=TISSUE), 3, 17)
    after = draw(load_recipe(overrides=["mitochondria.radius_nm={uniform=[40,60]}"], scenes=TISSUE), 3, 17)
    assert before["mitochondria.radius_nm"] != after["mitochondria.radius_nm"]
    assert before["mitochondria.length_nm"] == after["mitochondria.length_nm"]


def test_a_new_knob_leaves_the_numbers_of_all_others() -> None:
    more = knob_table(Knob("cells.first", "", 0, 1, Uniform(0, 1), "New."), *TABLE.values())
    params = draw(Recipe(scenes={"tissue": more}), 3, 17)
    assert draw(Recipe(scenes=TISSUE), 3, 17) == {name: params[name] for name in TABLE}


def test_another_range_keeps_the_quantile() -> None:
    narrow, wide = (
        draw(load_recipe(overrides=[f"mitochondria.length_nm={{uniform=[100,{high}]}}"], scenes=TISSUE), 0, 5)
        for high in (200, 1100)
    )
    assert (wide["mitochondria.length_nm"] - 100) / 10 == pytest.approx(narrow["mitochondria.length_nm"] - 100)


def test_drawn_numbers_stay_in_their_ranges() -> None:
    recipe = load_recipe("mito")
    for index in range(50):
        for name, value in draw(recipe, 0, index).items():
            assert KNOBS[name].low <= value <= KNOBS[name].high


def test_drawing_is_quick() -> None:
    table = knob_table(*(Knob(f"many.k{i}", "", 0, 1000, LogNormal(100, 0.5), "One.") for i in range(120)))
    recipe = Recipe(scenes={"tissue": table})
    best = min(_seconds(recipe) for _ in range(5))
    assert best < 0.004  # about 1 ms on an idle core; twice the promise


def _seconds(recipe: Recipe) -> float:
    start = time.process_time()
    draw(recipe, 0, 0)
    return time.process_time() - start


def test_knobs_are_found_by_name_and_by_section() -> None:
    assert [knob.name for knob in find_knobs("mitochondria", TISSUE)] == [
        "mitochondria.length_nm",
        "mitochondria.radius_nm",
    ]
    assert find_knobs("section.thickness_nm", TISSUE) == [TABLE["section.thickness_nm"]]
    with pytest.raises(RecipeError, match=r"did you mean section\.thickness_nm\?"):
        find_knobs("section.thicknes_nm", TISSUE)


def test_a_scene_has_its_own_knobs_and_is_inherited(tmp_path: Path) -> None:
    write(tmp_path, "scene = 'bubbles'\n[bubbles]\nradius_nm = 200\n", "base.toml")
    path = write(tmp_path, "base = 'base.toml'\n[section]\nthickness_nm = 5\n")
    recipe = load_recipe(path=path, scenes=SCENES)
    assert recipe.scene == "bubbles"
    assert recipe.values == {"bubbles.radius_nm": Fixed(200), "section.thickness_nm": Fixed(5)}
    assert recipe.to_toml().startswith('scene = "bubbles"\n')
    assert parse_recipe(recipe.to_toml(), SCENES) == recipe
    assert Recipe(scenes=SCENES).scene == "tissue"


def test_a_recipe_stored_before_there_were_scenes_is_tissue() -> None:
    assert parse_recipe("[mitochondria]\nlength_nm = 300\n", SCENES).scene == "tissue"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("scene = 'buble'\n", "scene 'buble': unknown; did you mean bubbles?; there is: tissue, bubbles"),
        ("scene = 3\n", "expected text in quotes"),
        ("[bubbles]\nradius_nm = 200\n", "bubbles.radius_nm: is a knob of scene bubbles, and the recipe's scene is"),
        ("scene = 'bubbles'\n[bubbles]\nradus_nm = 200\n", "did you mean bubbles.radius_nm?"),
        ("scene = 'bubbles'\n[section]\nthickness_nm = 950\n", "950 is outside the allowed 1 to 900 nm"),
        ("base = 'base.toml'\nscene = 'bubbles'\n", "scene 'bubbles', but its base base.toml is 'tissue'"),
    ],
)
def test_a_wrong_scene_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    write(tmp_path, "", "base.toml")
    with pytest.raises(RecipeError) as caught:
        load_recipe(path=write(tmp_path, text), scenes=SCENES)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_knob_is_explained_for_every_scene() -> None:
    assert find_knobs("bubbles", SCENES) == [BUBBLES["bubbles.radius_nm"]]
    assert explain_knobs("bubbles", SCENES).endswith("only in scene bubbles")
    text = explain_knobs("section.thickness_nm", SCENES)
    assert "allowed 1 to 200 nm; default 30\n  in scene bubbles: allowed 1 to 900 nm; default 300" in text
    with pytest.raises(RecipeError, match=r"did you mean bubbles\.radius_nm\?"):
        find_knobs("bubbles.radus_nm", SCENES)
    with pytest.raises(RecipeError, match=r"did you mean mitochondria\.radius_nm, bubbles\.radius_nm\?"):
        find_knobs("radius", SCENES)
    with pytest.raises(RecipeError, match=r"did you mean bubbles\?"):
        find_knobs("bubles", SCENES)


def test_every_scene_can_be_rendered() -> None:
    assert set(CUTTERS) == set(RENDERED)


def test_differences_are_one_aligned_line_a_knob() -> None:
    a = load_recipe(scenes=TISSUE)
    b = load_recipe(overrides=["section.thickness_nm=5", "mitochondria.radius_nm={uniform=[40,60]}"], scenes=TISSUE)
    assert list_differences(a, a) == "no differences"
    assert list_differences(a, b).splitlines() == [
        "mitochondria.radius_nm: { lognormal = { median = 130, spread = 0.35, low = 50, high = 350 } } -> "
        "{ uniform = [40, 60] }",
        "section.thickness_nm:   30                                                                    -> 5",
    ]


def test_differences_of_scenes_name_what_only_one_has() -> None:
    a, b = Recipe(scenes=SCENES), Recipe("bubbles", "round", scenes=SCENES)
    assert list_differences(a, b).splitlines() == [
        "scene:                tissue -> bubbles",
        "description:          none   -> round",
        "section.thickness_nm: 30     -> 300",
        "only in scene tissue: 2 of 3 knobs",
        "only in scene bubbles: 1 of 2 knobs",
    ]


def test_a_recipe_that_windows_wrote_is_read(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(b'\xef\xbb\xbfbase = "mito"\r\n')
    assert load_recipe(path=path).kinds == load_recipe("mito").kinds
