"""Which candidates of keypoints are one individual's."""
