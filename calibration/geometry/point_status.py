"""What triangulation says about each point."""

from enum import IntEnum


class Status(IntEnum):
    """What is known about a 3D point; the order is from good to absent."""

    OK = 0
    TWO_VIEWS = 1  # no view to spare: an outlier could not have been noticed
    NARROW_BASELINE = 2  # the rays are nearly parallel; see the covariance
    OUTSIDE = 3  # an inlier lies outside the part of the image on which its lens was fitted
    FILLED = 4  # bridged by the smoother, not observed
    NO_CONSENSUS = 5  # views disagree; no point
    ONE_VIEW = 6  # seen by one view only; no point
    UNSEEN = 7  # seen by no view; no point
