"""One blueprint per kind of trigger: it makes an event of the domain from its own, or answers its request."""
