"""What people order of an installation."""
