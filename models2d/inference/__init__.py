"""From recordings to detections, and identities over time."""
