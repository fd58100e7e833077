"""Asking an ASGI application without a server."""

from tiled_zarr.testing.asking import Answer, ask, asked, scope_of

__all__ = ["Answer", "ask", "asked", "scope_of"]
