"""What needs Tiled itself: its catalogs, its server and its configuration."""
