"""The scripts for job arrays that docs/clusters.md shows do what they say, without a queue."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mitodata.hdf5.dataset import Dataset

PAGE = Path(__file__).parents[2] / "docs" / "clusters.md"
JOBS = 3
SMALL = "-n 5 --preset blobs --size 24"


@pytest.fixture
def programs(tmp_path: Path) -> dict[str, str]:
    """An environment in which `mitogen` is this one."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("mitogen", "mitoseg"):
        script = folder / name
        script.write_text(
            f'#!{sys.executable}\nfrom {name}.cli.main import main\n\nif __name__ == "__main__":\n    main()\n'
        )
        script.chmod(0o755)
    return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "PYTHONPATH": os.pathsep.join(sys.path)}


def script(name: str) -> str:
    """The script of a name on the page, for few and small images."""
    text = PAGE.read_text(encoding="utf-8")
    block = re.search(rf"`{re.escape(name)}` .*?\n```bash\n(.*?)```", text, re.DOTALL)
    assert block is not None
    small = re.sub(r"-n \d+ --labels compartments", SMALL, block[1])
    return small.replace('"$SLURM_CPUS_PER_TASK"', "1")


def run(text: str, folder: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(["bash", "-e", "-c", text], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_scripts_are_of_a_job_array() -> None:
    assert "#SBATCH --array=1-100" in script("render.sh")
    assert SMALL in script("render.sh")
    assert "mitogen merge shards/*.h5 -o train.h5" in script("merge.sh")
    assert '--shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT"' in script("predict.sh")
    assert "mitoseg merge found/large.parts" in script("join.sh")


@pytest.mark.slow
def test_the_jobs_of_an_array_make_the_file_of_one_run(tmp_path: Path, programs: dict[str, str]) -> None:
    for job in (*range(1, JOBS + 1), 2):  # one that has finished is submitted again
        ids = {"SLURM_ARRAY_TASK_ID": str(job), "SLURM_ARRAY_TASK_COUNT": str(JOBS)}
        run(script("render.sh"), tmp_path, programs | ids)
    run(script("merge.sh"), tmp_path, programs)
    run(f"mitogen render {SMALL} --workers 1 -o whole.h5", tmp_path, programs)
    assert (tmp_path / "train.h5").read_bytes() == (tmp_path / "whole.h5").read_bytes()
    with Dataset(tmp_path / "train.h5") as dataset:
        assert len(dataset) == 5
