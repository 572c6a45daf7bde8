"""Outputs of a stage take their places together, wherever it is killed; only whole ones are believed."""

import errno as errors
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from calibration.atomic import replacing
from triangulate import ProjectError
from triangulate.projects import staging as transaction
from triangulate.projects.freshness import read_record, record_file

STAGE = """
import os, signal, sys
from pathlib import Path
from triangulate.projects.freshness import record_file
from triangulate.projects.stage import Stage

def stage(folder, size, done=lambda: None):
    source, results = folder / "source.txt", folder / "results"
    outputs = (results / "first.txt", folder / "second.txt", results / "third.txt")
    def work(staged):
        for number, output in enumerate(outputs):
            staged(output).write_text(source.read_text() + f" {size} {number}")
        done()
        return "written"
    other = results / "export.txt"
    return Stage(name="toy", inputs={"source": source}, options={"size": size}, outputs=outputs,
                 retired=(other, record_file(other)), work=work)

def kept(folder):
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}
"""

toy: dict = {}
exec(compile(STAGE, "stage", "exec"), toy)  # the same source runs in processes of its own, below
stage, kept = toy["stage"], toy["kept"]

EVERY_DEATH = (
    STAGE
    + """
folder, undisturbed, lost, deaths = Path(sys.argv[1]), None, [], 0
(folder / "source.txt").write_text("a")
while True:
    stage(folder, 1).run()
    undisturbed = undisturbed or kept(folder)
    child = os.fork()
    if child == 0:
        calls = iter(range(1000))
        def mortal(do):
            def step(*arguments, **options):
                if next(calls) == deaths:
                    os.kill(os.getpid(), signal.SIGKILL)
                return do(*arguments, **options)
            return step
        for name in ("replace", "unlink", "mkdir", "rmdir"):
            setattr(os, name, mortal(getattr(os, name)))
        stage(folder, 2).run()
        os._exit(0)
    survived = os.waitpid(child, 0)[1] == 0
    stage(folder, 1).run()
    if kept(folder) != undisturbed:
        lost.append((deaths, kept(folder)))
    if survived:
        break
    deaths += 1
print(deaths, lost)
"""
)


def test_wherever_it_is_killed_the_options_put_back_give_the_undisturbed_results(tmp_path):
    command = [sys.executable, "-c", EVERY_DEATH, tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    deaths, lost = done.stdout.split(" ", 1)
    assert int(deaths) >= 7  # two folders made, two records and three outputs put in place
    assert lost.strip() == "[]"


def test_a_run_killed_at_work_leaves_what_was_there_and_the_next_one_cleans_up(tmp_path):
    (tmp_path / "source.txt").write_text("a")
    stage(tmp_path, 1).run()
    before = kept(tmp_path)
    code = (
        STAGE
        + "import time\nstage(Path(sys.argv[1]), 2, lambda: print(1, flush=True) or time.sleep(60)).run()"
    )
    command = [sys.executable, "-c", code, tmp_path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as process:
        process.stdout.read(1)  # everything is staged
        assert len(kept(tmp_path)) > len(before)
        assert stage(tmp_path, 1).run().reason is None  # beside one that is at work
        assert len(kept(tmp_path)) > len(before)
        process.send_signal(signal.SIGKILL)
    assert stage(tmp_path, 1).run().reason is None
    assert kept(tmp_path) == before
    assert not list(tmp_path.rglob(".staging-*"))


@pytest.mark.parametrize("spoiled", ["first.txt", "third.txt"])
@pytest.mark.parametrize("content", ["", "a 1 "])
def test_an_output_that_was_truncated_or_edited_is_seen(tmp_path, spoiled, content):
    (tmp_path / "source.txt").write_text("a")
    stage(tmp_path, 1).run()
    before = kept(tmp_path)
    (tmp_path / "results" / spoiled).write_text(content)
    assert stage(tmp_path, 1).run().reason == f"{spoiled} is not as it was written"
    assert kept(tmp_path) == before


def test_an_error_at_work_changes_nothing(tmp_path):
    (tmp_path / "source.txt").write_text("a")
    stage(tmp_path, 1).run()
    before = kept(tmp_path)

    def full():
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        stage(tmp_path, 2, full).run()
    assert kept(tmp_path) == before
    assert not list(tmp_path.rglob(".staging-*"))
    assert stage(tmp_path, 1).run().reason is None


def test_an_output_that_was_not_written_changes_nothing(tmp_path):
    (tmp_path / "source.txt").write_text("a")
    stage(tmp_path, 1).run()
    before = kept(tmp_path)
    with pytest.raises(FileNotFoundError, match="did not write all"):
        replace(stage(tmp_path, 2), work=lambda staged: staged(tmp_path / "second.txt").touch() or "").run()
    assert kept(tmp_path) == before


def test_what_belongs_to_the_results_before_goes_with_them(tmp_path):
    (tmp_path / "source.txt").write_text("a")
    stage(tmp_path, 1).run()
    export = tmp_path / "results" / "export.txt"
    export.write_text("of the first")
    assert stage(tmp_path, 1).run().reason is None
    assert export.exists()
    assert stage(tmp_path, 2).run().reason == "size changed"
    assert not export.exists()


def test_a_record_says_while_outputs_are_replaced_that_this_is_unfinished(tmp_path, monkeypatch):
    (tmp_path / "source.txt").write_text("a")
    first = tmp_path / "results" / "first.txt"
    said = []
    renaming = os.replace

    def watched(source, target):
        if Path(target) in (first, tmp_path / "second.txt"):
            said.append("unfinished" in read_record(first))
        renaming(source, target)

    monkeypatch.setattr(transaction.os, "replace", watched)
    stage(tmp_path, 1).run()
    assert said == [True, True]
    assert set(json.loads(record_file(first).read_text())["outputs"]) == {
        "first.txt",
        "../second.txt",
        "third.txt",
    }


def test_old_temporary_files_are_removed_and_young_ones_are_not(tmp_path):
    (tmp_path / "source.txt").write_text("a")
    with replacing(tmp_path / "big.parquet") as temporary:
        temporary.write_text("")
        young = temporary.with_name(temporary.name.replace("big", "small"))
        young.write_text("")
        old = temporary.with_name(temporary.name.replace("big", "old"))
        old.write_text("")
    mine = tmp_path / ".notes-2024.txt"
    mine.write_text("")
    for path in (old, mine):
        os.utime(path, (time.time() - 7200,) * 2)
    stage(tmp_path, 1).run()
    assert (young.exists(), old.exists(), mine.exists()) == (True, False, True)


@pytest.mark.parametrize("errno", ["ENOSPC", "EFBIG", "text"])
def test_a_full_disk_is_named_and_what_was_there_is_kept(tmp_path, errno):
    (tmp_path / "source.txt").write_text("a")
    stage(tmp_path, 1).run()
    before = kept(tmp_path)

    def full():
        if errno == "text":  # as HDF5 hands it on
            raise OSError("Can't write data (errno = 28, error message = 'No space left on device')")
        raise OSError(getattr(errors, errno), os.strerror(getattr(errors, errno)), "somewhere")

    with pytest.raises(ProjectError, match=r"results: the disk is full, .* make room"):
        stage(tmp_path, 2, full).run()
    assert kept(tmp_path) == before
