"""How a store is written, by a bake and by the pass that makes levels: objects and shards."""
