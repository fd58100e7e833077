"""A Tiled server that cannot be changed, served from in front of it over its HTTP API."""
