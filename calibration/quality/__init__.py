"""What a calibration is worth, in words, numbers and pictures."""
