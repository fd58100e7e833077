"""Views are functions from a tree to a tree; this package also keeps the key spaces over them."""
