"""What `calibration` raises."""


class ShapeError(ValueError):
    """An array has another shape than the function needs."""


class CalibrationError(RuntimeError):
    """The recording cannot answer the question; the message says what to record or change."""
