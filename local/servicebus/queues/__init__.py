"""How a queue behaves, without any network: time comes from two callables, receivers are a small protocol."""
