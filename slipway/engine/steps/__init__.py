"""One module per kind of step: what its effect is, and what follows from how it went."""
