"""Levels of an image, each half as long on y and x as the one before, computed on demand."""
