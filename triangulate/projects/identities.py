"""Which detections of a trial count, and whose they are: the same for every stage that reads them."""

from calibration.rig import Rig
from models2d.detections import Detections2D, Tracks2D
from triangulate.projects.project import Project
from triangulate.projects.resolution import check_scale


def identified(project: Project, detections: Detections2D, rig: Rig) -> Tracks2D:
    """Leave out detections that the project calls too doubtful, and find out who is who.

    Parameters
    ----------
    project : Project
    detections : Detections2D
    rig : Rig

    Returns
    -------
    tracks : Tracks2D

    Raises
    ------
    ProjectError
        If there is one subject, and its detections fit the rig at another resolution only.
    TriangulationError
        If several subjects are in view and no two views show the same one.
    """
    detections = detections.confident(project.min_confidence)
    if project.subjects == 1 and detections.shape[2] == 1:
        tracks = detections.as_tracks()
        check_scale(tracks, rig)
        return tracks
    from triangulate.association.subjects import associate

    return associate(detections, rig, subjects=project.subjects)
