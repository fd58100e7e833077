"""Pages for people: lists of groups, and a viewer for images."""
