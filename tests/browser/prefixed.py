"""The demo tree below a path prefix, as part of another application."""

from starlette.applications import Starlette
from starlette.routing import Mount

from tiled_zarr.app import create_app
from tiled_zarr.demo import tree
from tiled_zarr.settings import Settings

PREFIX, KEY = "/data/lab a", "a+b"

served = create_app(tree(), Settings(api_key=KEY))
app = Starlette(routes=[Mount(PREFIX, served), Mount("/", served)])
