"""Chunks to bytes."""
