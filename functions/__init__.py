"""One blueprint per kind of trigger: it turns its event into an event of the domain, or answers its request, and does nothing else."""
