"""Object stores and web servers, read by obstore."""
