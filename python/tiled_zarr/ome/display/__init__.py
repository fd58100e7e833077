"""Arrays as viewers draw them: types, axes, colours and contrast."""
