"""The card of a model in the form that the Hugging Face hub takes: YAML between two lines of dashes, then Markdown."""

import json
import re
from collections.abc import Mapping
from textwrap import wrap
from typing import Any

from mitodata.card import licence_identifier
from mitoseg.config.settings import FitConfig
from mitoseg.models.card import WIDTH, Card, Score, score_table

TITLE = "MitoGen & MitoSeg: procedural electron microscopy of mitochondria, and segmentation trained on it"
AUTHORS = ("The MitoGen & MitoSeg authors",)
"""As in CITATION.cff, which an installation lacks."""

TAGS = ("mitochondria", "electron-microscopy", "segmentation", "biology", "synthetic-data", "mitoseg")

LIBRARY = "mitoseg"
"""By this name the hub knows what uses the model, and we know our cards."""

_FENCE = "---\n"


def hub_card(card: Card, config: FitConfig) -> str:
    """Write a card for the hub.

    Args:
        card: what is known of the model, with its name.
        config: its settings.
    """
    head = "".join(f"{name}: {json.dumps(value, ensure_ascii=False)}\n" for name, value in _head(card, config).items())
    return f"{_FENCE}{head}{_FENCE}\n{hub_text(card, config)}"


def is_hub_card(content: bytes) -> bool:
    """Whether a file begins as such a card of a model of ours does; other pages begin with lines of dashes, too."""
    fence, ours = _FENCE.encode(), json.dumps(LIBRARY).encode()
    before, _, rest = content.partition(fence)
    return not before and ours in rest.partition(fence)[0]


def hub_text(card: Card, config: FitConfig) -> str:
    """The card without its YAML: what it is, how to use it, what it learned from, scores, limits, citation."""
    sections = {
        "Use": _use(card, config),
        "What it learned from": [f"- {each}" for each in card.learned_from] or ["Not recorded."],
        "Validation": _scores(card),
        "Limits": [f"- {limit}" for limit in card.limits] or ["Not recorded. Look at the masks before you count."],
        "Training": card.facts(without=("Learned from",)),
        "Citation": [*wrap(f"{'; '.join(AUTHORS)}. {TITLE}.", WIDTH), "Cite the data sets that you use it on as well."],
    }
    lines = [f"# {card.name}", "", card.description or "Finds mitochondria in electron micrographs.", ""]
    for title, content in sections.items():
        lines += [f"## {title}", "", *content, ""]
    return "\n".join(lines).rstrip() + "\n"


def _head(card: Card, config: FitConfig) -> dict[str, Any]:
    """What the hub reads: licence, tags, and scores that it can list."""
    known: dict[str, Any] = {
        **_licence(card.licence),
        "library_name": LIBRARY,
        "pipeline_tag": "image-segmentation",
        "tags": [*TAGS, f"unet-{config.dimensions}d"],
    }
    if card.scores:
        results = [_result(score) for score in card.scores]
        known["model-index"] = [{"name": card.name, "results": results}]
    return known


def _licence(licence: str) -> Mapping[str, str]:
    """A licence as the hub names it: in small letters; others by a name of their own."""
    if not licence:
        return {}
    known = licence_identifier(licence)
    if known != "other":
        return {"license": known}
    if re.fullmatch(r"[A-Za-z0-9.+-]+", licence):
        return {"license": licence.lower()}
    return {"license": "other", "license_name": licence}


def _result(score: Score) -> dict[str, Any]:
    """A row of scores as the hub lists it."""
    name = f"{score.images}, {score.views}" if score.views else score.images
    return {
        "task": {"type": "image-segmentation"},
        "dataset": {"name": name, "type": re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")},
        "metrics": [{"type": "mean_iou", "name": "IoU of foreground", "value": score.iou}],
    }


def _scores(card: Card) -> list[str]:
    """The table of scores, or what stands for it."""
    if not card.scores:
        return ["No scores are recorded. `mitoseg evaluate` scores it on images with labels."]
    return [
        "Intersection over union of foreground, mean over images that it did not learn from.",
        "",
        *score_table(card.scores),
    ]


def _use(card: Card, config: FitConfig) -> list[str]:
    """How it is used, from the command line and in Python."""
    model = card.name if re.fullmatch(r"[\w.+-]+", card.name) else "MODEL"
    kind = "sections" if config.dimensions == 2 else "volumes"
    slices = f", slices {config.working_slice_nm:g} nm apart" if config.working_slice_nm else ""
    return [
        f"It sees {kind} at {config.working_voxel_nm:g} nm a pixel{slices}; images are brought there and back.",
        "",
        "```",
        "pip install mitogen-em",
        f"mitoseg predict stack.tif --model {model} --voxel-size 5 5 5 -o masks",
        "```",
        "",
        "```python",
        "import mitoseg",
        "",
        f'mitoseg.segment("{model}", "stack.tif", "masks", voxel_size_nm=(5, 5, 5))',
        "```",
        "",
        f"`{model}` is the name of a released model, or the path of a model's file.",
    ]
