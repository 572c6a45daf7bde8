"""Docstrings keep the grammar of docs/conventions.md, name every parameter, and their examples run."""

import ast
import builtins
import doctest
import importlib
import inspect
import re
from pathlib import Path

import pytest

root = Path(__file__).parents[1]
layers = ["calibration", "models2d", "triangulate"]
modules = sorted(path for layer in layers for path in (root / layer).rglob("*.py"))
ids = [str(path.relative_to(root)) for path in modules]

AXIS = r"(?:\.\.\.|[A-Za-z_][\w ]*|\d+)(?: [*+/] (?:[A-Za-z_]\w*|\d+))*"
SHAPE = rf"\((?:\({AXIS}(?: [*+] [\w ]+)?\)|{AXIS}|\(\w+ \+ \d\) \* \w+)?(?:, {AXIS})*,?\)"
TYPE = r"(?:float|int|bool|uint8|uint16|str|sparse|tuple of (?:int|str))"
UNIT = r"(?:, [\w/ ]+?){0,3}"
ARRAY = rf"(?:{SHAPE}(?: {TYPE})?{UNIT})"
TUPLE = r"\((?:int|float|str)(?:, (?:int|float|str))*\)(?:, \w+)?"
SLOT = re.compile(
    rf"(?:{ARRAY}|{TUPLE})(?:(?:, | or |, or )(?:{ARRAY}|{TUPLE}|None))*(?:, optional)?(?: each)?"
)
SECTIONS = ("Parameters", "Returns", "Yields", "Attributes")


def documented(path):
    """Every function and class with a docstring, and the slots of its sections."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and (text := ast.get_docstring(node)):
            yield node, slots(text)


def slots(text):
    """Names and type slots of a NumPy docstring, by section."""
    found, section = {}, None
    lines = text.splitlines()
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        if below and set(below) == {"-"}:
            section = line.strip()
        elif section in SECTIONS and (match := re.match(r"([\w*][\w*, ]*?)(?: : (.*))?$", line)):
            for name in match[1].split(","):
                found.setdefault(section, {})[name.strip(" *")] = match[2]
    return found


@pytest.mark.parametrize("path", modules, ids=ids)
def test_arrays_are_spelled_by_the_grammar(path):
    for node, sections in documented(path):
        for section in sections.values():
            for name, slot in section.items():
                if slot and slot.startswith("("):
                    assert SLOT.fullmatch(slot), f"{path.name}:{node.lineno}: {node.name}: {name} : {slot}"


def public_functions():
    """Exported functions, and those methods of exported classes that say more than one line."""
    for layer in layers:
        package = importlib.import_module(layer)
        for name in package.__all__:
            value = getattr(package, name)
            if inspect.isfunction(value):
                yield f"{layer}.{name}", value
            elif inspect.isclass(value):
                for method, function in inspect.getmembers(value, inspect.isroutine):
                    ours = (getattr(function, "__module__", None) or "").startswith(layer)
                    if not method.startswith("_") and ours and "\n" in (inspect.getdoc(function) or "\n"):
                        yield f"{layer}.{name}.{method}", function


@pytest.mark.parametrize(
    ("name", "function"), list(public_functions()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_public_functions_name_every_parameter(name, function):
    assert function.__doc__, f"{name} has no docstring"
    told = slots(inspect.getdoc(function)).get("Parameters", {})
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name not in {"self", "cls"} and not parameter.name.startswith("_"):
            assert parameter.name in told, f"{name} does not explain {parameter.name}"


@pytest.mark.parametrize("path", [path for path in modules if ">>>" in path.read_text()],
                         ids=lambda path: str(path.relative_to(root)))  # fmt: skip
def test_the_examples_of_docstrings_run(path):
    name = ".".join(path.relative_to(root).with_suffix("").parts)
    result = doctest.testmod(importlib.import_module(name.removesuffix(".__init__")))
    assert result.attempted > 0
    assert result.failed == 0


EXTERNAL = {"cornerSubPix", "xarray.open_dataset", "pandas.read_hdf", "df_with_missing"}
"""Names of other libraries that docstrings mention and no code uses."""

NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


def names_of_the_project():
    """Return names that the source defines or uses, those of each module and class, and all plain strings."""
    used, strings, inside = set(vars(builtins)), set(), {}
    for path in modules:
        tree = ast.parse(path.read_text())
        documents = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        own = set()
        for node in ast.walk(tree):
            match node:
                case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                    own.add(name)
                case (
                    ast.arg(arg=name)
                    | ast.Name(id=name)
                    | ast.Attribute(attr=name)
                    | ast.keyword(arg=str(name))
                ):
                    own.add(name)
                case ast.alias(name=name, asname=other):
                    own |= {*name.split("."), other or name}
                case ast.Constant(value=str(text)) if id(node) not in documents:
                    strings |= {text, *re.findall(r"\w+", text)}
            if isinstance(node, ast.ClassDef):
                words = (
                    getattr(one, "id", getattr(one, "attr", getattr(one, "name", "")))
                    for one in ast.walk(node)
                )
                inside.setdefault(node.name, set()).update(words)
        parts = path.relative_to(root).with_suffix("").parts
        for part in (*parts, ".".join(parts)):
            inside.setdefault(part, set()).update(
                own if part != parts[0] or len(parts) == 1 else set(), parts
            )
        used |= own | set(parts)
    for layer in layers:
        inside.setdefault(layer, set()).update(importlib.import_module(layer).__all__)
    return used, strings, inside


def missing_names(text, used, strings, inside):
    """Return the names between back-ticks that the project does not have."""
    for name in re.findall(r"`([^`\n]+)`", text):
        if not NAME.fullmatch(name) or name in strings or name in EXTERNAL:
            continue
        first, *rest = name.split(".")
        known = first in used or first in strings
        for owner, attribute in zip(name.split("."), rest, strict=False):
            known &= attribute in inside.get(owner, used)
        if not known:
            yield name


@pytest.fixture(scope="module")
def project_names():
    return names_of_the_project()


@pytest.mark.parametrize("path", modules, ids=ids)
def test_names_in_docstrings_exist(path, project_names):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "`" in node.value:
            missing = list(missing_names(node.value, *project_names))
            assert not missing, f"{path.name}:{node.lineno}: there is no {', '.join(missing)}"


def test_a_name_that_is_gone_is_missed(project_names):
    text = "`calibration.geometry.lens.no_such_function`, `Rig.no_such_method`, `no_such_name`, `Rig.project`"
    assert len(list(missing_names(text, *project_names))) == 3
