"""Calibration without a board: from a moving point, or from the subject's own keypoints."""
