"""Kinds of tissue within a recipe."""

from pathlib import Path

import pytest

from mitodata import RecipeError
from mitogen.recipe.diff import list_differences
from mitogen.recipe.recipe import draw, load_recipe, parse_recipe

TWO = """
[cells]
gap_nm = 10

[[kinds]]
name = "fly"
share = 0.3
[kinds.cells]
gap_nm = 3

[[kinds]]
name = "mouse"
share = 0.5
[kinds.cells]
gap_nm = 20
[kinds.mitochondria]
radius_nm = { uniform = [100, 110] }
"""


def test_a_kind_is_drawn_as_often_as_its_share_says() -> None:
    recipe = parse_recipe(TWO)
    gaps = [draw(recipe, 4, index)["cells.gap_nm"] for index in range(2000)]
    assert gaps.count(3) / 2000 == pytest.approx(0.3, abs=0.04)
    assert gaps.count(20) / 2000 == pytest.approx(0.5, abs=0.04)
    assert gaps.count(10) / 2000 == pytest.approx(0.2, abs=0.04)


def test_the_knobs_of_a_kind_are_drawn_together_and_all_others_stay_as_they_were() -> None:
    with_kinds, plain = parse_recipe(TWO), parse_recipe("[cells]\ngap_nm = 10\n")
    for index in range(50):
        params, before = draw(with_kinds, 4, index), draw(plain, 4, index)
        is_mouse = params["cells.gap_nm"] == 20
        assert is_mouse == (params["mitochondria.radius_nm"] != before["mitochondria.radius_nm"])
        changed = {name for name in params if params[name] != before[name]}
        assert changed <= {"cells.gap_nm", "mitochondria.radius_nm"}
        assert list(params) == list(before)


def test_an_override_holds_in_every_kind() -> None:
    recipe = parse_recipe(TWO).override({"cells.gap_nm": 7})
    assert {draw(recipe, 4, index)["cells.gap_nm"] for index in range(50)} == {7}


def test_a_recipe_with_kinds_is_written_and_read_again() -> None:
    recipe = parse_recipe(TWO)
    again = parse_recipe(recipe.to_toml())
    assert again == recipe
    assert again.to_toml() == recipe.to_toml()


def test_kinds_come_from_the_base_unless_a_recipe_has_its_own(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text(TWO)
    (tmp_path / "same.toml").write_text('base = "base.toml"\n')
    (tmp_path / "none.toml").write_text('base = "base.toml"\nkinds = []\n')
    assert [kind.name for kind in load_recipe(path=tmp_path / "same.toml").kinds] == ["fly", "mouse"]
    assert load_recipe(path=tmp_path / "none.toml").kinds == ()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "fly"\n', "", "kinds: name is None; expected text"),
        ("share = 0.3", "share = 0", "kind 'fly': share is 0; expected a number above 0"),
        ("share = 0.3", "share = true", "kind 'fly': share is True"),
        ("share = 0.3", "share = 0.6", "shares add up to 1.1; expected at most 1"),
        ('name = "fly"', 'name = "mouse"', "kind 'mouse': occurs 2 times"),
        ("gap_nm = 3", "gap_n = 3", "kind 'fly': cells.gap_n: unknown knob; did you mean"),
        ("gap_nm = 3", "gap_nm = 1e9", "kind 'fly': cells.gap_nm: "),
        ("share = 0.3\n", "share = 0.3\ncells = 4\n[kinds.imaging]\n", "kind 'fly': cells: expected a table"),
    ],
)
def test_impossible_kinds_are_refused_in_one_line(old: str, new: str, message: str) -> None:
    text = TWO.replace(old, new, 1)
    if "[kinds.imaging]" in new:
        text = text.replace("[kinds.cells]\ngap_nm = 3\n", "", 1)
    with pytest.raises(RecipeError) as caught:
        parse_recipe(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_kinds_that_are_no_list_are_refused() -> None:
    with pytest.raises(RecipeError, match="expected \\[\\[kinds\\]\\] tables"):
        parse_recipe("[kinds]\nname = 'fly'\n")


def test_a_comparison_of_recipes_names_the_kinds() -> None:
    text = list_differences(parse_recipe("[cells]\ngap_nm = 10\n"), parse_recipe(TWO))
    assert "kinds that only the second has, and their shares: fly (0.3); mouse (0.5)" in text
    changed = list_differences(parse_recipe(TWO), parse_recipe(TWO.replace("share = 0.3", "share = 0.1")))
    assert "kind fly, share: 0.3 -> 0.1" in changed


def test_a_kind_that_is_a_preset_draws_what_the_preset_draws(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(TWO + "\n[imaging]\nnoise = 3\n")
    mixed = tmp_path / "mixed.toml"
    mixed.write_text("[cells]\ngap_nm = 15\n[[kinds]]\npreset = 'own.toml'\nname = 'own'\nshare = 0.5\n")
    recipe, own = load_recipe(path=mixed), load_recipe(path=tmp_path / "own.toml")
    assert {kind.name: round(kind.share, 9) for kind in recipe.kinds} == {
        "own": 0.1,
        "own: fly": 0.15,
        "own: mouse": 0.25,
    }
    for name, kind in (("own: fly", "fly"), ("own: mouse", "mouse")):
        assert draw(recipe.alone(name), 4, 7) == draw(own.alone(kind), 4, 7)
    assert parse_recipe(recipe.to_toml()) == recipe


def test_a_kind_may_differ_from_its_preset(tmp_path: Path) -> None:
    path = tmp_path / "mixed.toml"
    path.write_text("[[kinds]]\npreset = 'liver'\nshare = 0.5\n[kinds.section]\nthickness_nm = 44\n")
    mine, liver = draw(load_recipe(path=path).alone("liver"), 4, 7), draw(load_recipe("liver"), 4, 7)
    assert {name for name in mine if mine[name] != liver[name]} == {"section.thickness_nm"}


@pytest.mark.parametrize(
    ("preset", "message"),
    [
        ("'livre'", "preset livre: unknown; did you mean liver"),
        ("'blobs'", "kind 'blobs' is 'blobs'; expected 'tissue'"),
        ("3", "kinds: preset is 3; expected the name of one"),
        ("'mixed.toml'", "starts from itself"),
    ],
)
def test_a_preset_that_cannot_be_a_kind_is_refused(tmp_path: Path, preset: str, message: str) -> None:
    path = tmp_path / "mixed.toml"
    path.write_text(f"[[kinds]]\npreset = {preset}\nshare = 0.5\n")
    with pytest.raises(RecipeError) as caught:
        load_recipe(path=path)
    assert message in str(caught.value)


def test_mito_holds_every_tissue_and_nothing_else() -> None:
    recipe = load_recipe("mito")
    tissues = {name.split(":")[0] for name in (kind.name for kind in recipe.kinds)}
    assert tissues == {"brain", "white-matter", "muscle", "liver", "kidney", "gland", "culture"}
    assert sum(kind.share for kind in recipe.kinds) == pytest.approx(1)
    pixels = {draw(recipe, 0, index)["section.pixel_nm"] for index in range(300)}
    assert pixels == {8}, "all images of a file are one array"
    scales = load_recipe("mito-scales")
    pixels = {draw(scales, 0, index)["section.pixel_nm"] for index in range(300)}
    assert len(pixels) > 100, "networks see a range of pixel sizes"
    assert draw(recipe.alone("brain: fly, ssTEM"), 0, 3) == draw(load_recipe("brain").alone("fly, ssTEM"), 0, 3)


def test_a_recipe_does_without_a_tissue_and_its_share_goes_to_the_others(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("base = 'mito'\nwithout = ['brain', 'liver']\n")
    mito, mine = load_recipe("mito"), load_recipe(path=tmp_path / "mine.toml")
    assert {kind.name for kind in mito.kinds} - {kind.name for kind in mine.kinds} == {
        "liver",
        *(kind.name for kind in mito.kinds if kind.name.startswith("brain")),
    }
    shares = {kind.name: kind.share for kind in mine.kinds}
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["culture"] / shares["kidney"] == pytest.approx(0.11 / 0.05)


@pytest.mark.parametrize(
    ("without", "message"),
    [
        ("['bran']", "kind 'bran': not in the recipe; expected one of brain"),
        ("'brain'", "without: got 'brain'; expected a list of kinds"),
        ("['brain', 'white-matter', 'muscle', 'liver', 'kidney', 'gland', 'culture']", "no kind is left"),
    ],
)
def test_what_cannot_be_left_out_is_refused(tmp_path: Path, without: str, message: str) -> None:
    (tmp_path / "mine.toml").write_text(f"base = 'mito'\nwithout = {without}\n")
    with pytest.raises(RecipeError) as caught:
        load_recipe(path=tmp_path / "mine.toml")
    assert message in str(caught.value)
