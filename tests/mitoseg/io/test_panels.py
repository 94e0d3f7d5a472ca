from dataclasses import replace

import numpy as np

from mitoseg.io.panels import (
    FALSE_NEGATIVE,
    FALSE_POSITIVE,
    IGNORED,
    TRUE_POSITIVE,
    Panel,
    draw_parts,
    draw_sheet,
    font,
    heat,
    overlay,
)


def test_colours_say_what_is_right_and_wrong() -> None:
    truth = np.array([[1, 0, 1, 0, 255]], np.uint8)
    prediction = np.array([[True, True, False, False, False]])
    picture = overlay(np.full((1, 5), 100, np.uint8), truth, prediction)[0].astype(int)
    for pixel, colour in zip(
        picture[[0, 1, 2, 4]], (TRUE_POSITIVE, FALSE_POSITIVE, FALSE_NEGATIVE, IGNORED), strict=True
    ):
        expected = 0.55 * 100 + 0.45 * np.array(colour)
        assert np.abs(pixel - expected).max() <= 1
    assert (picture[3] == 100).all()


def test_heat_gets_brighter() -> None:
    colours = heat(np.linspace(0, 1, 50, dtype=np.float32)[None]).astype(int).sum(-1)[0]
    assert (np.diff(colours) >= 0).all()


def test_sheets_take_sections_of_any_shape() -> None:
    panels = [
        Panel(
            np.zeros(shape, np.uint8),
            np.zeros(shape, np.uint8),
            np.zeros(shape, np.float32),
            np.zeros(shape, bool),
            "caption",
        )
        for shape in ((30, 90), (90, 30), (1, 1))
    ]
    # 40 px each, but no more than twice as wide as high.
    assert draw_sheet(panels, 40).height == 2 * 18 + 27 + 40 + 40 + 3 * 18


def test_parts_have_square_pixels_and_a_scale_bar() -> None:
    section = np.full((20, 60), 100, np.uint8)
    panel = Panel(section, 0 * section, np.zeros(section.shape, np.float32), section > 200, "", pixel_nm=(50.0, 5.0))
    parts = draw_parts(panel, 400)
    # 1000 x 300 nm.
    assert {part.size for part in parts.values()} == {(120, 400)}
    bar = np.asarray(parts["image"].convert("L"))[-14:-10]
    # The longest round length up to a third of the width: 100 nm of 2.5 nm.
    assert (bar == 255).all(axis=0).sum() == 41
    assert (np.asarray(draw_parts(replace(panel, pixel_nm=None), 400)["image"]) == 100).all()


def test_the_font_has_a_letter_for_micrometres() -> None:
    missing, micro = (np.asarray(font(18).getmask(letter)).tolist() for letter in ("\uffff", "\u00b5"))
    assert micro != missing
