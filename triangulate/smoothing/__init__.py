"""From points to trajectories: all frames and views in one least-squares problem."""
