"""Helper processes that call C libraries for the server.

A library that hangs or crashes then takes down only its helper.
"""
