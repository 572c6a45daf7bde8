"""The ground floor of all three packages: lenses, cameras as arrays, rays, and the points where rays meet."""
