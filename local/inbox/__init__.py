"""An inbox for the local stack: receives the notices that the app sends to its webhook channel, like a mailbox."""
