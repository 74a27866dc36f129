"""The pure middle: words, states and decisions. Imports the standard library and pydantic, nothing else."""
