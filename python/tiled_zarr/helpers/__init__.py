"""Processes that call C libraries for the server, so that one which hangs or crashes takes down itself and nothing else."""
