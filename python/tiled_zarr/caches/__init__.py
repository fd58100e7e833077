"""What is kept to be given again, within bounds."""
