"""Files of labelled frames, one module per tool."""
