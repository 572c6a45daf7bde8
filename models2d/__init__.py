"""Find keypoints in every view: networks, other tools' files, metrics."""

import lazy_loader

# Names and the modules they live in stand in __init__.pyi; each module is imported when a name is first used.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
