"""One blueprint per kind of trigger: an event becomes an event, a request gets an answer. Nothing else happens here."""
