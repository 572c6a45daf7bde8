"""Run benchmarks by name: `python -m benchmarks [name ...]`; all of them without a name."""

import argparse
import importlib
import pkgutil
import sys
from types import ModuleType

import benchmarks


def available() -> dict[str, str]:
    """Find the modules that have a `main`, with the first line of what they say about themselves."""
    found = {}
    for module in pkgutil.iter_modules(benchmarks.__path__):
        if module.name.startswith("__"):
            continue
        loaded = importlib.import_module(f"benchmarks.{module.name}")
        if callable(getattr(loaded, "main", None)):
            found[module.name] = (loaded.__doc__ or "").strip().splitlines()[0]
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help="which to run; all without a name")
    parser.add_argument("--list", action="store_true", help="say what there is and stop")
    options = parser.parse_args()
    known = available()
    if options.list:
        for name, purpose in known.items():
            print(f"{name:24s} {purpose}")
        return 0
    unknown = [name for name in options.names if name not in known]
    if unknown:
        print(f"no benchmark called {', '.join(unknown)}; there are {', '.join(known)}", file=sys.stderr)
        return 1
    for name in options.names or known:
        print(f"\n== {name}: {known[name]}", flush=True)
        run(importlib.import_module(f"benchmarks.{name}"))
    return 0


def run(module: ModuleType) -> None:
    """Run one benchmark without the command line of this module in its way."""
    arguments, sys.argv = sys.argv, sys.argv[:1]
    try:
        module.main()
    finally:
        sys.argv = arguments


if __name__ == "__main__":
    sys.exit(main())
