import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import mitoseg
from mitodata import DataError
from mitodata.readers.inputs import open_sources
from mitoseg.inference.model import Model
from mitoseg.io.process import Watch, stop_politely, tell
from mitoseg_napari.jobs import Stopped, Wishes, adapt_to, finetune_on, heard, segment_picture, stage
from mitoseg_napari.painted import Painted
from mitoseg_napari.pictures import Picture, open_picture
from mitoseg_napari.writer import Given

WISHES = Wishes(voxel_size_nm=(8.0, 8.0, 8.0), peak=0.5, invert="off")


@pytest.fixture
def picture(layer: Callable[..., Given], discs: NDArray[np.uint8]) -> Picture:
    return open_picture(layer(discs))


@pytest.fixture(autouse=True)
def _dark_model(darkness: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mitoseg, "load_model", lambda _name: darkness, raising=False)


def test_a_picture_is_segmented_as_the_command_does_and_tells_how_far_it_is(picture: Picture) -> None:
    told: list[tuple[str, float | None]] = []
    found = segment_picture(picture, None, WISHES, Watch(lambda line, share: told.append((line, share))))
    assert found.count == 2
    assert found.labels.shape == picture.shape == found.probability.shape
    assert found.labels[0, 20, 24] != found.labels[0, 40, 70]
    assert found.probability[0, 20, 24].compute() > 0.9
    assert found.model == "darkness"
    shares = [share for _, share in told if share is not None]
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_a_region_is_segmented_alone(picture: Picture) -> None:
    found = segment_picture(picture.cut((slice(0, 1), slice(0, 64), slice(0, 48))), None, WISHES, Watch())
    assert found.labels.shape == (1, 64, 48)
    assert found.count == 1


def test_who_watches_can_stop_it(picture: Picture) -> None:
    watch = Watch()
    watch.stop.requested = True
    with pytest.raises(Stopped, match="stopped; nothing is kept"):
        segment_picture(picture, None, WISHES, watch)


def test_what_is_logged_in_this_thread_is_told_and_nothing_afterwards() -> None:
    told: list[str] = []
    watch = Watch(lambda line, _share: told.append(line))
    with heard(watch):
        logging.getLogger("mitodata").warning("a rim of %d px", 3)
        tell("half", 0.5)
        with stop_politely() as stop:
            assert stop is watch.stop
    logging.getLogger("mitodata").warning("unheard")
    tell("unheard")
    assert told == ["a rim of 3 px", "half"]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float64, bool, np.int64])
def test_whatever_a_layer_holds_is_staged_without_loss(
    layer: Callable[..., Given], tmp_path: Path, dtype: type[Any]
) -> None:
    raw = (np.arange(2 * 20 * 30).reshape(2, 20, 30) % 200).astype(dtype)
    picture = open_picture(layer(raw, "a/b: c?"))
    path = stage(picture, tmp_path)
    assert path.name == "a_b_ c_.tif"
    (source,) = open_sources(path, (8.0, 8.0, 8.0))
    part = tuple(slice(0, length) for length in picture.shape)
    stored = source.read_stored((part[0], part[1], part[2]))
    assert np.array_equal(stored.astype(float), raw.astype(float) * (255 if dtype is bool else 1))


def test_a_stack_without_a_voxel_size_is_refused_in_one_line(layer: Callable[..., Given]) -> None:
    stack = open_picture(layer(np.zeros((4, 40, 40), np.uint8)))
    with pytest.raises(DataError, match="voxel size") as found:
        segment_picture(stack, None, Wishes(), Watch())
    assert "\n" not in str(found.value)


def test_adapting_and_fine_tuning_call_the_commands_functions_and_go_on_where_they_stopped(
    picture: Picture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[Any, ...]] = []

    def record(*given: Any, **keywords: Any) -> SimpleNamespace:
        calls.append((*given, keywords))
        return SimpleNamespace(summary="done")

    for name in ("adapt", "finetune"):
        monkeypatch.setattr(mitoseg, name, record, raising=False)
    assert adapt_to(picture, tmp_path / "run", "mito-1", (8.0, 8.0, 8.0), 2.0, Watch()) == "done"
    image, run, model, settings = calls[0]
    assert (image.suffix, run, model) == (".tif", tmp_path / "run", "mito-1")
    assert (settings["voxel_size_nm"], settings["minutes"]) == ((8.0, 8.0, 8.0), 2.0)
    labels = np.zeros(picture.shape, np.uint8)
    labels[0, :30], labels[0, 11:29, 15:33] = 1, 2
    painted = Painted(replace(picture, voxel_size_nm=(8.0, 8.0, 8.0)), labels, None, "paint")
    assert finetune_on(painted, tmp_path / "run", None, 2.0, Watch()) == "done"
    assert calls[1][0].name == "painted.h5"
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "last.pt").touch()
    assert adapt_to(picture, tmp_path / "run", None, None, 2.0, Watch()) == "done"
    assert calls[2][2]["resume"] is True
