"""Cameras and clocks from the keypoints of a recording, in the problem that smoothing solves."""
