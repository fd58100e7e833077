"""`/events/<node>`: tells clients when a node has changed, as server-sent events."""
