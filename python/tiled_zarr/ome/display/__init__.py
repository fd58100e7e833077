"""Arrays in the form that viewers can draw: types, axes, colours and contrast limits."""
