"""What `import mitoseg` offers, used as its documentation says."""

import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest
import tifffile

import mitoseg
from mitodata import RunError, Sample


def test_the_example_of_the_package_works(
    make_file: Callable[..., Path],
    draw: Callable[..., Sample],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    make_file(*(draw(seed) for seed in range(6)), name="train").rename("train.h5")
    make_file(draw(7), name="labelled").rename("labelled.h5")
    tifffile.imwrite("stack.tif", draw(8, (3, 64, 64)).raw, photometric="minisblack")
    assert mitoseg.__doc__ is not None
    lines = [line for line in mitoseg.__doc__.splitlines() if line.startswith("    ")]
    example = dedent("\n".join(lines))
    assert "minutes=13" in example
    found: dict[str, object] = {}
    exec(example.replace("minutes=13", "steps=3, validations=1, network='tiny', patch_px=64"), {}, found)
    assert found["paths"] == [Path("masks", f"stack_{name}") for name in ("mask.tif", "instances.tif", "objects.csv")]
    assert tifffile.imread("masks/stack_mask.tif").shape == (3, 64, 64)
    assert 0 <= float(capsys.readouterr().out) <= 1


def test_a_run_by_its_name_and_files_by_theirs(run: Path, fresh_discs: Path, tmp_path: Path) -> None:
    by_name, by_model = (
        mitoseg.evaluate(model, files)[0]
        for model, files in ((str(run), str(fresh_discs)), (mitoseg.load_model(run), [fresh_discs]))
    )
    assert by_name.measured["iou"].mean == by_model.measured["iou"].mean > 0.5
    written = mitoseg.segment(str(run), str(fresh_discs), str(tmp_path), outputs=["mask"], tta=4)
    assert [path.name for path in written] == [f"fresh-{number:04d}_mask.tif" for number in range(6)]
    with pytest.raises(RunError, match="none: not found"):
        mitoseg.segment(tmp_path / "none", fresh_discs, tmp_path)


def import_both() -> tuple[str, float]:
    """Import both packages in a new process: what is heavy of the modules loaded, and the seconds of processor time."""
    code = "import sys, mitogen, mitoseg; print(sorted({'torch', 'numpy', 'monai', 'h5py', 'scipy'} & {*sys.modules}))"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return done.stdout.strip(), after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_importing_takes_less_than_150_ms_and_imports_nothing_heavy() -> None:
    heavy, seconds = import_both()
    assert heavy == "[]"
    # A busy machine slows the processor down, too.
    assert seconds < 0.15 or min(import_both()[1] for _ in range(4)) < 0.15


def test_what_is_offered_is_listed() -> None:
    assert {*mitoseg.__all__} <= {*dir(mitoseg)}
    assert {*mitoseg.__all__} == {
        *("Model", "SampleDataset", "adapt", "evaluate", "finetune", "fit", "load_model", "segment"),
    }
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        mitoseg.__getattr__("nothing")
