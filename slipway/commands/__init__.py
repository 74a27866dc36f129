"""The commands that people give to an installation."""
