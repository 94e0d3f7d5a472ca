import numpy as np

from mitoseg.pictures import FALSE_NEGATIVE, FALSE_POSITIVE, IGNORED, TRUE_POSITIVE, Panel, draw_sheet, heat, overlay


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
        Panel(np.zeros(shape, np.uint8), np.zeros(shape, np.uint8), np.zeros(shape, np.float32), 0.5, "caption")
        for shape in ((30, 90), (90, 30), (1, 1))
    ]
    assert draw_sheet(panels, 40).height == 3 * 58
