"""What stands around every request: keys, CORS, counting, start and end."""
