"""A first rig: intrinsics per view, the graph of shared boards, poses chained through it."""
