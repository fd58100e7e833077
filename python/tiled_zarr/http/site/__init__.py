"""Pages for people: groups to browse, images to look at."""
