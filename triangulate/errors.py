"""What `triangulate` raises."""


class TriangulationError(RuntimeError):
    """The detections cannot be turned into 3D; the message says why, with the numbers, and what to do."""


class ProjectError(RuntimeError):
    """A project folder cannot be worked on as it is; the message says which file and what to mend."""
