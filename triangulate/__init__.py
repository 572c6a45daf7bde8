"""From views to space: triangulation, smoothing, files, figures and the command line."""

import lazy_loader

__version__ = "0.1.0"

# Names and the modules they live in stand in __init__.pyi; each module is imported when a name is first used.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
