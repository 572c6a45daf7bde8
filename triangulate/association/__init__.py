"""Which detections of several subjects belong together across views and time."""
