"""Other tools' predictions to `Detections2D` and back, one file per tool."""
