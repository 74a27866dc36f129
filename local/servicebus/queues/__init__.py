"""The behaviour of a queue, without any network: time comes in as two callables, receivers as a small protocol."""
