"""Objects in memory."""
