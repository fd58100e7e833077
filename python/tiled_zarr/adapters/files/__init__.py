"""Files that hold one array, or a few."""
