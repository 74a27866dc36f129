"""An inbox on the laptop: takes the notices that the app sends to its webhook channel, as a person's mailbox would."""
