"""Other servers that answer in JSON: certificates verified, credentials in no message, every failure one clear message."""
