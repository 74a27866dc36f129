"""One blueprint per kind of trigger: an event becomes a cause, a request gets an answer. Nothing else happens here."""
