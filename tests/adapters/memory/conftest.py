"""`in_tiled.py` is run where Tiled is installed, not collected here."""

collect_ignore = ["in_tiled.py"]
