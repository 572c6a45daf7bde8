"""Networks with what they need to turn images into keypoints."""
