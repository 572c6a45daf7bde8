"""A stage runs again exactly when what it was made from has changed."""

import os

import pytest

from triangulate.projects.freshness import PIECE, digest_of, record_of, save_record, stale


@pytest.fixture
def made(tmp_path):
    source, output = tmp_path / "source.txt", tmp_path / "output.txt"
    source.write_text("a")
    output.write_text("b")
    save_record(output, record_of({"video": source}, {"stride": 2, "where": tmp_path}))
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


def test_a_change_in_the_middle_of_a_large_file_is_seen(tmp_path):
    file = tmp_path / "video.bin"
    data = bytearray(5 * PIECE)
    file.write_bytes(data)
    before = digest_of(file)
    data[len(data) // 2] = 1
    file.write_bytes(data)
    assert digest_of(file) != before


def test_folders_are_digested_by_names_and_contents(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "1.png").write_bytes(b"x")
    before = digest_of(tmp_path / "images")
    (tmp_path / "images" / "1.png").rename(tmp_path / "images" / "2.png")
    assert digest_of(tmp_path / "images") != before
    assert digest_of(tmp_path / "nothing") == "absent"
