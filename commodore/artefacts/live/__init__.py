"""What SCOUT listed on the live host."""
