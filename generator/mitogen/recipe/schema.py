"""A JSON schema of recipe files, so that an editor completes knobs, shows what they mean and marks what cannot be.

Which knobs there are depends on the scene, and the scene may come from the base. The schema therefore describes every
scene in `$defs` and chooses by `scene`, else by the preset in `base`; a recipe that is based on another file must suit
at least one of them. What a file says beyond the schema (low <= high, say) is checked when it is read.
"""

import json
from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from mitodata.files import check_replaceable, is_schema, write_atomic
from mitogen.recipe.catalogue import DEFAULT_SCENE, SCENES
from mitogen.recipe.distributions import Choice
from mitogen.recipe.knob import KINDS, Knob
from mitogen.recipe.recipe import load_recipe, preset_names

Schema = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def recipe_schema() -> Schema:
    """Build the schema (draft 2020-12) of recipe files, for all scenes and presets there are."""
    sections = {knob.name.split(".")[0] for table in SCENES.values() for knob in table.values()}
    known = {section: _section_schema(section) for section in sorted(sections)}
    ranges = {_range_name(knob): _value_schema(knob) for table in SCENES.values() for knob in table.values()}
    return {
        "$schema": DIALECT,
        "title": "MitoGen recipe",
        "description": "What differs from the base, or from the defaults of the scene: one table a section of knobs.",
        "type": "object",
        "properties": _head() | known | {"kinds": _kinds_schema(known)},
        "additionalProperties": False,
        "allOf": [{"if": _means(scene), "then": {"$ref": f"#/$defs/scene-{scene}"}} for scene in SCENES],
        "if": {"required": ["base"], "properties": {"base": {"pattern": r"\.toml$"}}, "not": {"required": ["scene"]}},
        "then": {"anyOf": [{"$ref": f"#/$defs/scene-{scene}"} for scene in SCENES]},
        "$defs": {f"scene-{scene}": _scene_schema(scene, sections) for scene in SCENES}
        | {"distribution": _distribution_schema()}
        | ranges,
    }


@cache
def schema_text() -> str:
    """Write the schema as JSON."""
    return json.dumps(recipe_schema(), indent=1) + "\n"


def write_schema(path: Path) -> None:
    """Write the schema to a file, whole or not at all; it replaces nothing but a schema.

    Raises:
        DataError: the file cannot be written, or is something else.
    """
    check_replaceable(path, is_schema, "a JSON schema")
    write_atomic(path, schema_text().encode())


def _head() -> Schema:
    """The keys outside of sections."""
    presets = {"enum": preset_names(), "description": "A preset."}
    file = {"type": "string", "pattern": r"\.toml$", "description": "A file beside this one."}
    return {
        "base": {"anyOf": [presets, file], "description": "The recipe to start from; this file holds what differs."},
        "scene": {"enum": list(SCENES), "default": DEFAULT_SCENE, "description": "The kind of scene to render."},
        "description": {"type": "string", "description": "One line on what the recipe renders."},
        "without": {
            "type": "array",
            "items": {"type": "string", "minLength": 1},
            "description": "Kinds that the recipe does without; the others get their share.",
        },
    }


def _kinds_schema(known: Schema) -> Schema:
    """Kinds of tissue, each with sections of knobs; their ranges are checked when the recipe is read."""
    share = {"type": "number", "exclusiveMinimum": 0, "maximum": 1, "description": "Share of the images."}
    name = {"type": "string", "minLength": 1, "description": "What the kind is called."}
    preset = {"type": "string", "minLength": 1, "description": "A preset, or a file that ends in .toml, to start from."}
    head = {"name": name, "preset": preset, "share": share}
    kind = {"type": "object", "properties": head | known, "additionalProperties": False}
    return {
        "type": "array",
        "items": kind | {"required": ["share"], "anyOf": [{"required": ["name"]}, {"required": ["preset"]}]},
        "description": "What differs in shares of the images; replaces the kinds of the base.",
    }


def _means(scene: str) -> Schema:
    """Match recipes of a scene: those that name it or start from a preset of it; of the default, also those without."""
    presets = [name for name in preset_names() if load_recipe(name).scene == scene]
    unnamed: Schema = {"not": {"required": ["scene"]}, "required": ["base"], "properties": {"base": {"enum": presets}}}
    ways = [{"required": ["scene"], "properties": {"scene": {"const": scene}}}, unnamed]
    if scene == DEFAULT_SCENE:
        ways.append({"not": {"anyOf": [{"required": ["scene"]}, {"required": ["base"]}]}})
    return {"anyOf": ways}


def _section_schema(section: str) -> Schema:
    """Knobs of a section in any scene, each as the first scene that has it describes it, for completion."""
    knobs: dict[str, Knob] = {}
    for table in SCENES.values():
        for knob in table.values():
            if knob.name.startswith(f"{section}."):
                knobs.setdefault(knob.name.split(".")[1], knob)
    properties = {name: {"description": _meaning(knob)} for name, knob in sorted(knobs.items())}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _scene_schema(scene: str, sections: set[str]) -> Schema:
    """Ranges and defaults of a scene's knobs; sections of other scenes are refused."""
    properties: dict[str, Any] = dict.fromkeys(sorted(sections), False)
    for knob in sorted(SCENES[scene].values(), key=lambda knob: knob.name):
        section, name = knob.name.split(".")
        table = properties[section] or {"properties": {}, "additionalProperties": False}
        table["properties"][name] = {
            "description": _meaning(knob),
            "default": knob.fit(knob.default).toml(),
            "$ref": f"#/$defs/{_range_name(knob)}",
        }
        properties[section] = table
    return {"properties": properties}


def _meaning(knob: Knob) -> str:
    return f"{knob.help} {knob.limits().capitalize()}."


def _range_name(knob: Knob) -> str:
    return f"one-of-{'-'.join(knob.names)}" if knob.names else f"from-{knob.low:g}-to-{knob.high:g}"


def _value_schema(knob: Knob) -> Schema:
    """A number or a distribution within a knob's range; of one that chooses, a name or a choice of names."""
    if knob.names:
        name: Schema = {"enum": [*knob.names, *range(len(knob.names))]}
        return {"anyOf": [name, _choice_schema(name)]}
    inside = {"minimum": knob.low, "maximum": knob.high}
    within: dict[str, Schema] = {"choice": {"items": inside}}
    for key, kind in KINDS.items():
        parts = [inside if part.name in ("low", "high") else {} for part in fields(kind)]
        within[key] = {"prefixItems": parts, "properties": {"low": inside, "high": inside}}
    return {"anyOf": [{"type": "number", **inside}, {"$ref": "#/$defs/distribution", "properties": within}]}


def _distribution_schema() -> Schema:
    """The form of distributions, whatever their range; their parts are those of their pydantic models."""
    kinds = [_kind_schema(key, TypeAdapter(kind).json_schema()) for key, kind in KINDS.items()]
    return {"type": "object", "anyOf": [*kinds, _choice_schema({"type": "number"})]}


def _choice_schema(item: Schema) -> Schema:
    """A choice of such items."""
    return {
        "type": "object",
        "description": _first_line(TypeAdapter(Choice).json_schema()),
        "properties": {
            "choice": {"type": "array", "items": item, "minItems": 1},
            "weights": {"type": "array", "items": {"type": "number", "minimum": 0}, "minItems": 1},
        },
        "required": ["choice"],
        "additionalProperties": False,
    }


def _kind_schema(key: str, model: Mapping[str, Any]) -> Schema:
    """One kind of distribution: its parts in a table by name, or in a list in their order."""
    # A bound that is left out is infinite, for which JSON has no number.
    unwanted = ("title", "default")
    parts = {
        name: {word: value for word, value in part.items() if word not in unwanted}
        for name, part in model["properties"].items()
    }
    required = model["required"]
    table = {"type": "object", "properties": parts, "required": required, "additionalProperties": False}
    row = {"type": "array", "prefixItems": list(parts.values()), "items": False, "minItems": len(required)}
    return {
        "description": _first_line(model),
        "properties": {key: {"anyOf": [row, table]}},
        "required": [key],
        "additionalProperties": False,
    }


def _first_line(model: Mapping[str, Any]) -> str:
    return str(model["description"]).splitlines()[0]
