"""What a queue does, without any network: time comes in as two callables, receivers as a small protocol."""
