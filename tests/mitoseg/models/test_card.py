from pathlib import Path

import pytest

from mitodata import RunError
from mitoseg.models.card import WIDTH, parse_card, read_card

CARD = """
description = "Finds mitochondria."
licence = "MIT"
limits = ["Not below 4 nm."]

[[scores]]
images = "neuropil"
views = "three axes"
iou = 0.84

[[scores]]
images = "liver"
iou = 0.72
"""


def test_a_card_is_read_and_written(tmp_path: Path) -> None:
    path = tmp_path / "card.toml"
    path.write_text(CARD)
    text = parse_card({"name": "mito-1", **read_card(path)}, "card").text()
    assert text.splitlines()[:5] == ["# mito-1", "", "Finds mitochondria.", "", "- Licence: MIT"]
    assert "| images | views | IoU |" in text
    assert "| liver |  | 0.720 |" in text
    assert "- Not below 4 nm." in text


def test_the_spread_over_a_single_image_is_left_out() -> None:
    scores = [{"images": "fly", "iou": 0.7, "std": 0.05}, {"images": "liver", "iou": 0.67, "std": 0.0}]
    text = parse_card({"scores": scores}, "card").text()
    assert "| fly | 0.700 | 0.050 |" in text
    assert "| liver | 0.670 |  |" in text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("licens = 'MIT'", "unknown field licens; did you mean licence?"),
        ("[[scores]]\nimages = 'a'\niuo = 0.5", "did you mean iou?"),
        ("[[scores]]\nimages = 'a'\niou = 84", r"scores\.0\.iou: input should be less than or equal to 1"),
        ("[[scores]]\nimages = 'a'", r"scores\.0\.iou: field required"),
        ("name = ", "neither TOML nor JSON"),
    ],
)
def test_a_wrong_card_is_one_line(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "card.toml"
    path.write_text(content)
    with pytest.raises(RunError, match=message) as caught:
        read_card(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_missing_card_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="expected a card, TOML or JSON"):
        read_card(tmp_path / "none.toml")


def test_long_texts_are_wrapped_and_words_stay_whole() -> None:
    long = "neuropil of a mouse, FIB-SEM, " * 12
    text = parse_card({"description": long, "limits": [long], "learned_from": [long]}, "card").text()
    assert max(map(len, text.splitlines())) <= WIDTH
    assert " ".join(text.split()).count("FIB-SEM") == 36
