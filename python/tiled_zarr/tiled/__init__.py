"""Tiled: its catalogs, its server with its users and policies, and its configuration."""
