"""The pure middle: words, states and decisions. It imports only the standard library and pydantic."""
