"""Do the views of a trial agree, and if not, what is wrong with which: told from epipolar distances alone."""
