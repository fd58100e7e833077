"""Views: functions from a tree to a tree, and the key spaces over what they show."""
