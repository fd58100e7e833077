"""Tables: groups of columns."""
