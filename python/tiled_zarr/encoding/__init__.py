"""Encodes chunks as bytes."""
