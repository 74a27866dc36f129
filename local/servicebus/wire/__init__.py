"""AMQP 1.0 as bytes: types, codec, messages and frames. Knows nothing about queues."""
