"""HTTP itself: requests, ranges, tags, replies and failures."""
