"""A stage runs again exactly when what it was made from has changed."""

import os

import pytest

from triangulate.projects import freshness
from triangulate.projects.freshness import digest_of, record_of, stale, stamp_of
from triangulate.projects.staging import save_record


@pytest.fixture
def made(tmp_path):
    source, output = tmp_path / "source.txt", tmp_path / "output.txt"
    source.write_text("a")
    output.write_text("b")
    record = record_of({"video": source}, {"stride": 2, "where": tmp_path})
    save_record(output, {**record, "outputs": {output.name: digest_of(output)}})
    return source, output


def now(source, stride=2):
    return record_of({"video": source}, {"stride": stride, "where": source.parent})


def test_nothing_changed(made):
    source, output = made
    assert stale([output], now(source)) is None
    os.utime(source, (0, 0))
    assert stale([output], now(source)) is None


def test_every_reason_is_named(made):
    source, output = made
    assert stale([output], now(source, stride=3)) == "stride changed"
    source.write_text("c")
    assert stale([output], now(source)) == "video changed"
    assert stale([output, output.with_name("page.html")], now(source)) == "page.html is not there yet"
    output.with_name("output.txt.inputs.json").write_text("{ not json")
    assert "not known what output.txt was made from" in stale([output], now(source))


def test_another_release_makes_everything_anew(made):
    source, output = made
    assert stale([output], {**now(source), "triangulate": "0.0.0"}) == "triangulate was updated"


@pytest.mark.parametrize("share", [0.3, 0.5, 0.8])
def test_a_change_anywhere_in_a_large_file_is_seen(tmp_path, share):
    file = tmp_path / "detections.h5"
    data = bytearray(22 << 20)
    file.write_bytes(data)
    before = digest_of(file)
    data[int(share * len(data))] = 1
    file.write_bytes(data)
    assert digest_of(file) != before


@pytest.fixture
def large(tmp_path, monkeypatch):
    """A video that counts as large and was written a while ago; digests that are computed are counted."""
    monkeypatch.setattr(freshness, "WHOLE", 1000)
    monkeypatch.setattr(freshness, "SETTLED", 0.0)
    video = tmp_path / "video.mp4"
    video.write_bytes(bytes(2000))
    read = []
    monkeypatch.setattr(freshness, "digest_of", lambda path: read.append(path) or digest_of(path))
    return video, read


def test_a_large_file_is_read_once_and_again_only_when_touched(large):
    video, read = large
    first = record_of({"video": video}, {})
    assert record_of({"video": video}, {}, before=first) == first
    assert len(read) == 1
    os.utime(video, (1, 1))
    touched = record_of({"video": video}, {}, before=first)
    assert len(read) == 2
    assert touched["inputs"] == first["inputs"]
    assert touched["stamps"] != first["stamps"]


def test_a_large_file_that_was_replaced_by_its_copy_is_what_it_was(large):
    video, _ = large
    first = record_of({"video": video}, {})
    data = video.read_bytes()
    video.unlink()
    video.write_bytes(data)
    assert record_of({"video": video}, {}, before=first)["inputs"] == first["inputs"]


def test_a_change_in_place_that_keeps_size_and_time_is_seen(large):
    video, _ = large
    stat = video.stat()
    first = record_of({"video": video}, {})
    with video.open("r+b") as file:
        file.seek(700)
        file.write(b"x")
    os.utime(video, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert record_of({"video": video}, {}, before=first)["inputs"] != first["inputs"]


def test_the_times_of_a_file_that_was_just_written_are_not_relied_on(large, monkeypatch):
    video, _ = large
    monkeypatch.setattr(freshness, "SETTLED", 2.0)
    assert stamp_of(video) is None


def test_folders_are_digested_by_names_and_contents(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "1.png").write_bytes(b"x")
    before = digest_of(tmp_path / "images")
    (tmp_path / "images" / "1.png").rename(tmp_path / "images" / "2.png")
    assert digest_of(tmp_path / "images") != before
    assert digest_of(tmp_path / "nothing") == "absent"


def test_folders_behind_links_are_digested(tmp_path):
    (tmp_path / "disk" / "images").mkdir(parents=True)
    image = tmp_path / "disk" / "images" / "1.png"
    image.write_bytes(b"x")
    recording = tmp_path / "recording"
    recording.mkdir()
    for name in ("left", "right"):
        (recording / name).symlink_to(tmp_path / "disk" / "images", target_is_directory=True)
    before = digest_of(recording)
    image.write_bytes(b"y")
    assert digest_of(recording) != before


def test_a_link_that_leads_back_ends(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "1.png").write_bytes(b"x")
    (tmp_path / "images" / "up").symlink_to(tmp_path, target_is_directory=True)
    assert digest_of(tmp_path) == digest_of(tmp_path) != "absent"
