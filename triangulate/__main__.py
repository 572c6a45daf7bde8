"""`python -m triangulate` is `triangulate`."""

from triangulate.cli import main

if __name__ == "__main__":
    main()
