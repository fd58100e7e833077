"""`python -m tiled_zarr`: the command `tiled-zarr`."""

from .cli import main

if __name__ == "__main__":
    main()
