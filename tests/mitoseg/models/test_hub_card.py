"""Cards for the Hugging Face hub: what the hub's own library reads of them is what we know."""

from pathlib import Path

import pytest
import yaml
from program import Program

from mitoseg.config.settings import make_config
from mitoseg.models.card import Card, Score
from mitoseg.models.hub_card import AUTHORS, TITLE, hub_card

CONFIG = make_config((), epochs=1)
CARD = Card(
    name="mito-9",
    description="Finds mitochondria: in sections.",
    learned_from=("4000 images of the recipe mito",),
    network="2D U-Net",
    scores=(Score(images="mouse brain", views="three axes", iou=0.8), Score(images="fly", iou=0.7, std=0.05)),
    limits=("Pale ones are missed.",),
    licence="MIT",
)


def test_the_head_is_yaml_with_licence_tags_and_scores() -> None:
    fence, head, body = hub_card(CARD, CONFIG).split("---\n", 2)
    known = yaml.safe_load(head)
    assert fence == ""
    assert known["license"] == "mit"
    assert "mitochondria" in known["tags"]
    assert known["model-index"][0]["name"] == "mito-9"
    assert [row["metrics"][0]["value"] for row in known["model-index"][0]["results"]] == [0.8, 0.7]
    assert "| fly |  | 0.700 | 0.050 |" in body
    assert "- Pale ones are missed." in body
    assert "- 4000 images of the recipe mito" in body
    assert "--model mito-9 " in body


def test_the_hub_reads_it() -> None:
    hub = pytest.importorskip("huggingface_hub")
    card = hub.ModelCard(hub_card(CARD, CONFIG))
    assert card.data.license == "mit"
    assert card.data.pipeline_tag == "image-segmentation"
    assert [result.dataset_name for result in card.data.eval_results] == ["mouse brain, three axes", "fly"]
    assert card.text.lstrip().startswith("# mito-9")


def test_a_licence_is_named_as_the_hub_does() -> None:
    head = yaml.safe_load(hub_card(CARD.model_copy(update={"licence": "CC BY 4.0"}), CONFIG).split("---\n")[1])
    assert head["license"] == "cc-by-4.0"
    assert "license_name" not in head


def test_a_licence_that_the_hub_does_not_know_keeps_its_name() -> None:
    head = yaml.safe_load(hub_card(CARD.model_copy(update={"licence": "ask us: first"}), CONFIG).split("---\n")[1])
    assert (head["license"], head["license_name"]) == ("other", "ask us: first")
    assert "license" not in yaml.safe_load(hub_card(Card(name="x"), CONFIG).split("---\n")[1])


def test_a_card_without_facts_says_so() -> None:
    text = hub_card(Card(name="mine"), CONFIG)
    assert "No scores are recorded." in text
    assert "Not recorded." in text


def test_authors_and_title_are_those_of_the_citation_file() -> None:
    cited = yaml.safe_load((Path(__file__).parents[3] / "CITATION.cff").read_text())
    assert [author["name"] for author in cited["authors"]] == [*AUTHORS]
    assert cited["title"] == TITLE


def test_a_run_and_a_released_model_have_cards(run: Path, released: Path, tmp_path: Path, mitoseg: Program) -> None:
    assert "finds dark discs from 0.4 on" in mitoseg("models", "card")[1]
    file = tmp_path / "README.md"
    assert str(file) in mitoseg("models", "card", run, "-o", file)[1]
    assert "- discs.h5" in file.read_text()
    mitoseg("models", "card", "tiny-1", "-o", file)
    assert "# tiny-1\n" in file.read_text()
    for mine in ("mine", "---\ntitle: mine\n---\nIt uses mitoseg.\n"):
        file.write_text(mine)
        assert "exists and is not a model card" in mitoseg.fails("models", "card", run, "-o", file)
        assert file.read_text() == mine
    assert "not found" in mitoseg.fails("models", "card", "none-1")
