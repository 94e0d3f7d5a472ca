import json
from collections.abc import Callable
from pathlib import Path

import click
import pytest
import tifffile
from program import Program

from mitodata import Sample
from mitodata.readers.remote import open_store
from mitoseg.cli.predict import predict


def test_help_shows_examples(mitoseg: Program) -> None:
    code, output, _ = mitoseg("--help")
    assert code == 0
    assert "mitoseg fit train.h5" in output


def test_version_and_settings(mitoseg: Program) -> None:
    assert mitoseg("--version")[1].startswith("mitoseg, version ")
    code, settings, _ = mitoseg("fit", "--settings")
    assert code == 0
    assert "network = base" in settings
    assert "augment.zoom = 1.4" in settings


def test_a_prediction_that_finds_nothing_asks_about_the_voxel_size(
    run: Path, fresh_discs: Path, tmp_path: Path, mitoseg: Program
) -> None:
    code, output, errors = mitoseg(
        "predict", run, fresh_discs, "-o", tmp_path, "--threshold", 1, "--outputs", "instances"
    )
    assert code == 0
    assert len(output.splitlines()) == 12
    assert errors.startswith(f"found nothing in 6 images, with the model {run}; is the voxel size right")


@pytest.mark.usefixtures("no_charts")
def test_from_data_to_report(discs: Path, fresh_discs: Path, tmp_path: Path, mitoseg: Program) -> None:
    run = tmp_path / "run"
    quick = ("--set", "network=tiny", "--set", "patch_px=64", "--epochs", "1")
    log = ("--log-json", tmp_path / "log.jsonl")
    code, output, errors = mitoseg("fit", discs, "--val", fresh_discs, "-o", run, *quick, *log)
    assert code == 0, errors
    assert "validation IoU" in output
    assert "teaches more" not in errors  # of tissue that nobody rendered
    code, output, errors = mitoseg("evaluate", run, fresh_discs, "-o", tmp_path / "report", "--json")
    assert code == 0, errors
    assert json.loads(output) == json.loads((tmp_path / "report" / "metrics.json").read_text())
    masks = ("-o", tmp_path / "masks", "--outputs", "mask", "--tta", "4", "--peak", "0")
    code, output, errors = mitoseg("predict", run, fresh_discs, *masks, "--memory", "8G", *log)
    assert code == 0, errors
    assert len(output.splitlines()) == 6
    _check_log(tmp_path / "log.jsonl")


def _check_log(path: Path) -> None:
    """See that a fit and a prediction of six images have told how they went."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    fitted = [line for line in lines if line["command"] == "fit"]
    assert {"start", "progress", "validation", "end"} <= {line["event"] for line in fitted}
    steps = [line for line in fitted if line["event"] == "progress" and line["unit"] == "image"]
    assert steps
    assert all({"share", "loss", "per_s"} <= set(line) for line in steps)
    assert next(line for line in fitted if line["event"] == "validation")["val_iou"] >= 0
    predicted = [line for line in lines if line["command"] == "predict"]
    assert sum(line["event"] == "written" for line in predicted) == 6
    assert {line["unit"] for line in predicted if line["event"] == "progress"} == {"window"}


@pytest.mark.parametrize("compartments", [True, False])
def test_a_fit_to_rendered_images_says_what_is_taught(
    compartments: bool, as_rendered: Callable[[bool], Path], fresh_discs: Path, tmp_path: Path, mitoseg: Program
) -> None:
    quick = ("--network", "tiny", "--set", "patch_px=64", "--set", "batch=2", "--set", "steps=1")
    code, _, errors = mitoseg("fit", as_rendered(compartments), "-o", tmp_path / "run", *quick, "--val", fresh_discs)
    assert code == 0, errors
    config = json.loads((tmp_path / "run" / "config.json").read_text())["config"]
    assert config["network"] == "tiny"
    taught = (config["target"], config["loss"])
    assert taught == (("compartments", "dice_focal") if compartments else ("semantic", "dice_ce"))
    assert ("target: compartments" in errors) == compartments
    assert ("render --labels compartments teaches more" in errors) != compartments


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("fit", "-o", "{tmp}/run"), "expected one, such as train.h5"),
        (("fit", "{discs}", "--recipe", "mito", "-o", "{tmp}/run"), "or both"),
        (("evaluate", "{run}", "{tmp}/none.h5", "-o", "{discs}"), "cannot be made or written"),
        (("fit", "--recipe", "mitto", "-o", "{tmp}/run"), "did you mean mito"),
        (("fit", "{tmp}/none.h5", "-o", "{tmp}/run"), "none.h5"),
        (("fit", "{tmp}", "-o", "{tmp}/run"), "Error: "),
        (("fit", "{discs}", "-o", "{tmp}/run", "--epochs", "1", "--minutes", "1"), "both given"),
        (("fit", "{discs}", "-o", "{tmp}/run", "--set", "netwrk=tiny"), "did you mean network?"),
        (("fit", "{discs}", "-o", "{tmp}/run", "--epochs", "1e308"), "epochs"),
        (("fit", "{discs}", "-o", "{tmp}/run", "--resume"), "--resume takes data and settings from the run"),
        (("fit", "-o", "{tmp}/run", "--resume"), "not found"),
        (("evaluate", "{tmp}/none", "{discs}", "-o", "{tmp}/r"), "none: not found"),
        (("evaluate", "{run}", "{tmp}/none.h5", "-o", "{tmp}/r"), "none.h5"),
        (("evaluate", "{run}", "{run}/last.pt", "-o", "{tmp}/r"), "last.pt"),
        (("evaluate", "{run}", "{discs}", "{tmp}/none.h5", "-o", "{tmp}/r"), "none.h5"),
        (("evaluate", "{run}", "{discs}", "-o", "{run}/last.pt"), "cannot be made"),
        (("evaluate", "{run}", "{discs}", "-o", "{tmp}/r", "--threshold", "2"), "--threshold"),
        (("predict", "{run}", "{discs}", "-o", "{tmp}/r", "--peak", "2"), "--peak"),
        (("predict", "{run}", "{tmp}/none.png", "-o", "{tmp}/r"), "none.png: not found"),
        (("study", "leave-one-ot"), "did you mean leave-one-out?"),
        (("study", "leave-one-out"), "no file to score on; give --test epfl=FILE.h5"),
        (("study", "leave-one-out", "--test", "epfl"), "expected NAME=FILE.h5"),
        (("study", "leave-one-out", "--test", "epfl={tmp}/none.h5"), "none.h5: no such file"),
        (("study", "explain", "{tmp}/none", "{discs}"), "none: not found"),
        (("study", "explain", "{run}", "{discs}"), "holds no drawn knobs"),
        (("predict", "{run}", "{discs}", "-o", "{tmp}/r", "--voxel-size", "1", "0", "1"), "voxel size"),
        (("predict", "{run}", "{discs}", "-o", "{tmp}/r", "--outputs", "masks"), "did you mean mask?"),
        (("predict", "{run}", "{discs}", "-o", "{tmp}/r", "--memory", "2 apples"), "expected a size such as 2G"),
        (("predict", "{run}", "{discs}", "-o", "{tmp}/r", "--memory", "1M"), "give more with --memory"),
        (("predict", "{run}", "{tmp}", "-o", "{tmp}/r"), "holds no image"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(
    arguments: tuple[str, ...],
    expected: str,
    run: Path,
    discs: Path,
    tmp_path: Path,
    mitoseg: Program,
) -> None:
    filled = [argument.format(tmp=tmp_path, run=run, discs=discs) for argument in arguments]
    assert expected in mitoseg.fails(*filled)


def test_the_older_name_of_tta_is_still_taken() -> None:
    for words, expected in (([], "auto"), (["--tta", "8"], 8), (["--turns", "4"], 4)):
        context = predict.make_context("predict", ["run", "a.tif", "-o", "out", *words])
        assert context.params["tta"] == expected
        assert "turns" not in context.params
    assert "--turns" not in predict.get_help(click.Context(predict))


def test_results_go_to_an_object_store_byte_for_byte(
    run: Path, draw: Callable[..., Sample], tmp_path: Path, bucket: str, mitoseg: Program
) -> None:
    import obstore

    tifffile.imwrite(tmp_path / "a.tif", draw(5).raw[0], photometric="minisblack")
    settings = (
        "predict",
        run,
        tmp_path / "a.tif",
        "--voxel-size",
        "40",
        "8",
        "8",
        "--format",
        "zarr",
        "--memory",
        "8G",
    )
    assert mitoseg(*settings, "-o", tmp_path / "found")[0] == 0
    code, output, errors = mitoseg(*settings, "-o", f"{bucket}/found")
    assert code == 0, errors
    names = ["a_objects.csv", "a_overlay.png", "a_probability.zarr", "a_segmented.zarr", "predictions.jsonl"]
    assert output.split() == [f"{bucket}/found/{name}" for name in names]
    store = open_store(bucket)
    sent = {entry["path"] for batch in obstore.list(store) for entry in batch}
    here = [path for path in (tmp_path / "found").rglob("*") if path.is_file() and path.name != "predictions.jsonl"]
    for path in here:
        name = path.relative_to(tmp_path).as_posix()
        assert bytes(obstore.get(store, name).bytes()) == path.read_bytes(), name
    assert len(sent) == len(here) + 1
    assert "exists already" in mitoseg.fails(*settings, "-o", f"{bucket}/found")
    assert "all machines see" in mitoseg.fails(*settings, "--shard", "1/2", "-o", f"{bucket}/other")


@pytest.mark.parametrize(
    "command", ["fit a.h5", "evaluate a a.h5", "adapt a.h5", "finetune a.h5", "export a", "tune a b"]
)
def test_other_commands_write_to_no_url(command: str, mitoseg: Program) -> None:
    assert "s3://b/a: is a URL; expected a path" in mitoseg.fails(*command.split(), "-o", "s3://b/a")
