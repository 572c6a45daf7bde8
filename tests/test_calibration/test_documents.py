"""JSON, YAML and TOML of other programs: read, or one sentence with the file and what to do."""

import pytest

from calibration.documents import read_json, read_toml, read_yaml

READERS = {"json": (read_json, '{"a": 1}'), "yaml": (read_yaml, "a: 1\n"), "toml": (read_toml, "a = 1\n")}


@pytest.fixture(params=READERS)
def kind(request):
    return request.param


def test_a_document_with_a_byte_order_mark_is_read(tmp_path, kind):
    read, text = READERS[kind]
    (tmp_path / "file").write_text(text, encoding="utf-8-sig")
    assert read(tmp_path / "file") == {"a": 1}


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_another_encoding_is_told(tmp_path, kind, encoding):
    read, text = READERS[kind]
    (tmp_path / "file").write_text(text.replace("a", "ä"), encoding=encoding)
    with pytest.raises(ValueError, match=r"file: is not written in UTF-8: .*; save it as UTF-8"):
        read(tmp_path / "file")


def test_nesting_that_exhausts_the_stack_is_told(tmp_path, kind):
    (tmp_path / "file").write_text(("a = " if kind == "toml" else "") + "[" * 100_000)
    with pytest.raises(ValueError, match="file: is nested too deeply"):
        READERS[kind][0](tmp_path / "file")


def test_what_is_cut_short_is_told_with_the_place(tmp_path, kind):
    (tmp_path / "file").write_text({"json": '{"a": [1,', "yaml": "a: [1,", "toml": "a = [1,"}[kind])
    with pytest.raises(ValueError, match=rf"file: not a {kind.upper()} file: .*(line \d|end of document)"):
        READERS[kind][0](tmp_path / "file")


def test_aliases_that_stand_for_billions_of_values_are_refused_at_once(tmp_path):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    (tmp_path / "file").write_text("\n".join(lines))
    with pytest.raises(ValueError, match="its aliases stand for more than 20000000 values"):
        read_yaml(tmp_path / "file")
    (tmp_path / "file").write_text("\n".join(lines[:3]))
    assert len(read_yaml(tmp_path / "file")["a2"][0]) == 9
