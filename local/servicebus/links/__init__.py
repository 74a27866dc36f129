"""The AMQP side: connections, sessions (channels) and links, which translate between frames and queues."""
