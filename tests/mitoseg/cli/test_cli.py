import json
import resource
import subprocess
import sys
from pathlib import Path

import click
import pytest

from mitogen.recipe.recipe import open_recipe
from mitogen.rendering.dataset import render_dataset
from mitogen.rendering.job import Job
from mitoseg.cli.main import main
from mitoseg.cli.predict import predict


def mitoseg(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mitoseg", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_help_is_quick_and_shows_examples() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = mitoseg("--help")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0
    assert "mitoseg fit train.h5" in done.stdout
    # Processor time: other programs on the machine do not count.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.5
    code = "import sys, mitoseg.cli.main; print('torch' in sys.modules, 'monai' in sys.modules, 'h5py' in sys.modules)"
    assert "True" not in subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout


def test_version_and_settings() -> None:
    assert mitoseg("--version").stdout.startswith("mitoseg, version ")
    settings = mitoseg("fit", "--settings").stdout
    assert "network = base" in settings
    assert "augment.zoom = 1.4" in settings


def test_from_data_to_report(discs: Path, fresh_discs: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    quick = ("--set", "network=tiny", "--set", "patch_px=64", "--epochs", "1")
    done = mitoseg("fit", discs, "--val", fresh_discs, "-o", run, *quick)
    assert done.returncode == 0, done.stderr
    assert "validation IoU" in done.stdout
    done = mitoseg("evaluate", run, fresh_discs, "-o", tmp_path / "report", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == json.loads((tmp_path / "report" / "metrics.json").read_text())
    done = mitoseg(
        "predict", run, fresh_discs, "-o", tmp_path / "masks", "--outputs", "mask", "--tta", "4", "--peak", "0"
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 6


def test_images_with_compartments_are_learned_with_them(discs: Path, fresh_discs: Path, tmp_path: Path) -> None:
    train = tmp_path / "train.h5"
    render_dataset(
        Job(open_recipe("mito"), shape=(1, 128, 128), compartments=True), train, 4, workers=1, progress=False
    )
    quick = ("--network", "tiny", "--set", "patch_px=64", "--set", "steps=1", "--val", fresh_discs)

    def learned(name: str, *more: str | Path) -> tuple[str, str]:
        done = mitoseg("fit", train, "-o", tmp_path / name, *quick, *more)
        assert done.returncode == 0, done.stderr
        config = json.loads((tmp_path / name / "config.json").read_text())["config"]
        assert config["network"] == "tiny"
        assert (config["target"] == "compartments") == ("target: compartments" in done.stderr)
        return config["target"], config["loss"]

    assert learned("all") == ("compartments", "dice_focal")
    assert learned("told", "--set", "target=semantic") == ("semantic", "dice_ce")
    assert learned("some", discs) == ("semantic", "dice_ce")
    assert "teaches more" not in mitoseg("fit", discs, "-o", tmp_path / "bare", *quick).stderr
    train.unlink()
    render_dataset(Job(open_recipe("mito"), shape=(1, 128, 128)), train, 4, workers=1, progress=False)
    assert "render --labels compartments teaches more" in mitoseg("fit", train, "-o", tmp_path / "plain", *quick).stderr


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
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    filled = [argument.format(tmp=tmp_path, run=run, discs=discs) for argument in arguments]
    monkeypatch.setattr(sys, "argv", ["mitoseg", *filled])
    with pytest.raises(SystemExit) as caught:
        main()
    message = capsys.readouterr().err
    assert caught.value.code == 2
    assert len(message.strip().splitlines()) == 1, message
    assert message.startswith("Error: ")
    assert expected in message


def test_the_older_name_of_tta_is_still_taken() -> None:
    for words, expected in (([], 1), (["--tta", "8"], 8), (["--turns", "4"], 4)):
        context = predict.make_context("predict", ["run", "a.tif", "-o", "out", *words])
        assert context.params["tta"] == expected
        assert "turns" not in context.params
    assert "--turns" not in predict.get_help(click.Context(predict))
