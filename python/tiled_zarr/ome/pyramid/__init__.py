"""The levels of an image, computed on demand: each is half as long on y and x as the one before."""
