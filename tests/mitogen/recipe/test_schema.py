"""The JSON schema accepts what can be read as a recipe, and refuses what cannot."""

import json
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from mitodata import DataError, RecipeError
from mitogen.recipe.catalogue import SCENES
from mitogen.recipe.recipe import Recipe, load_recipe, parse_recipe, preset_files, preset_names
from mitogen.recipe.schema import recipe_schema, schema_text, write_schema

SCHEMA = recipe_schema()
VALIDATOR = Draft202012Validator(SCHEMA)


def conforms(text: str) -> bool:
    return VALIDATOR.is_valid(tomllib.loads(text))


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert json.loads(schema_text(), parse_constant=pytest.fail) == SCHEMA  # no Infinity, which is not JSON
    assert set(SCHEMA["properties"]["base"]["anyOf"][0]["enum"]) == set(preset_names())


@pytest.mark.parametrize("preset", preset_names())
def test_presets_conform(preset: str) -> None:
    assert conforms(preset_files()[preset].read_text())
    assert conforms(load_recipe(preset).to_toml())


@pytest.mark.parametrize("scene", SCENES)
def test_the_defaults_of_every_scene_conform(scene: str) -> None:
    assert conforms(Recipe(scene).to_toml())


GOOD = [
    "",
    "base = 'mito'",
    "base = 'mine.toml'\n[blobs]\nradius_nm = 3000",
    "[section]\npixel_nm = 50",
    "scene = 'blobs'\n[section]\npixel_nm = 300",
    "base = 'blobs'\n[section]\npixel_nm = 300\n[blobs]\nradius_nm = { uniform = [2000, 3000] }",
    "[cells]\ngap_nm = { uniform = { low = 3, high = 9 } }",
    "[cells]\ngap_nm = { normal = { mean = 5, std = 2 } }",
    "[cells]\ngap_nm = { lognormal = [5, 0.4, 2, 50] }",
    "[cells]\ngap_nm = { choice = [5, 7], weights = [1, 2] }",
]
BAD = [
    "title = 'x'",
    "base = 'mto'",
    "base = 3",
    "scene = 'blob'",
    "[mitochondria]\nlenght_nm = 3",
    "[section]\npixel_nm = 300",
    "base = 'mito'\n[section]\npixel_nm = 300",
    "[blobs]\nradius_nm = 3000",
    "base = 'blobs'\n[cells]\ngap_nm = 5",
    "base = 'mine.toml'\n[blobs]\nradius_nm = 3000\n[cells]\ngap_nm = 5",
    "scene = 'blobs'\n[colonies]\nradius_nm = 3000",
    "[cells]\ngap_nm = '5'",
    "[cells]\ngap_nm = true",
    "[cells]\ngap_nm = 1",
    "[cells]\ngap_nm = [3, 4]",
    "[cells]\ngap_nm = { uniform = [1, 9] }",
    "[cells]\ngap_nm = { uniform = [3] }",
    "[cells]\ngap_nm = { uniform = [3, 4, 5] }",
    "[cells]\ngap_nm = { uniform = { low = 3, high = 900 } }",
    "[cells]\ngap_nm = { loguniform = { low = 3, high = 900 } }",
    "[cells]\ngap_nm = { normal = { mean = 5 } }",
    "[cells]\ngap_nm = { normal = [5, -1] }",
    "[cells]\ngap_nm = { lognormal = [5, 0.4, 1, 50] }",
    "[cells]\ngap_nm = { lognormal = { median = 5, spread = 0.4, width = 2 } }",
    "[cells]\ngap_nm = { choice = [] }",
    "[cells]\ngap_nm = { choice = [5, 700] }",
    "[cells]\ngap_nm = { choice = [5, 7], weights = [1, -2] }",
    "[cells]\ngap_nm = { uniform = [3, 5], choice = [4] }",
    "[cells]\ngap_nm = { unifrom = [3, 5] }",
]


@pytest.mark.parametrize("text", GOOD)
def test_what_can_be_read_conforms(text: str, tmp_path: Path) -> None:
    assert conforms(text)
    (tmp_path / "mine.toml").write_text("scene = 'blobs'")
    (tmp_path / "this.toml").write_text(text)
    load_recipe(path=tmp_path / "this.toml")


@pytest.mark.parametrize("text", BAD)
def test_what_cannot_be_read_does_not_conform(text: str, tmp_path: Path) -> None:
    assert not conforms(text)
    (tmp_path / "mine.toml").write_text("scene = 'blobs'")
    (tmp_path / "this.toml").write_text(text)
    with pytest.raises(RecipeError):
        load_recipe(path=tmp_path / "this.toml")


numbers = st.floats(-1e4, 1e5) | st.sampled_from([0, 1, 2, 100, 1000])


@given(st.sampled_from([(s, n) for s, table in SCENES.items() for n in table]), numbers)
def test_reader_and_schema_agree_on_any_number(knob: tuple[str, str], value: float) -> None:
    scene, name = knob
    section, short = name.split(".")
    try:
        parse_recipe(text := f"scene = '{scene}'\n[{section}]\n{short} = {value}\n")
        readable = True
    except RecipeError:
        readable = False
    assert conforms(text) == readable


def test_every_knob_is_described() -> None:
    for scene, table in SCENES.items():
        sections = SCHEMA["$defs"][f"scene-{scene}"]["properties"]
        for name, knob in table.items():
            section, short = name.split(".")
            shown = sections[section]["properties"][short]
            assert knob.help in shown["description"]
            allowed = " or ".join(knob.names) or f"{knob.low:g} to {knob.high:g}"
            assert allowed in shown["description"]
            assert Recipe(scene).override({name: shown["default"]}) == Recipe(scene)


def test_it_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    write_schema(tmp_path / "s.json")
    assert (tmp_path / "s.json").read_text() == schema_text()
    assert [path.name for path in tmp_path.iterdir()] == ["s.json"]
    with pytest.raises(DataError, match="cannot be written"):
        write_schema(tmp_path / "no" / "s.json")
