"""A page in the browser to label keypoints in all views of one instant side by side."""
