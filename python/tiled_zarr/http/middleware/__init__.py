"""What wraps every request: API keys, CORS and metrics; and the lifespan of the server."""
