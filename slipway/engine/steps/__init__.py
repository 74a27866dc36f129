"""One module per kind of step: its effect, and how that effect's result becomes an outcome."""
