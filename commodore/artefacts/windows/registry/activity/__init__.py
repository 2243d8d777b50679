"""What a user opened, typed, searched for and looked at."""
