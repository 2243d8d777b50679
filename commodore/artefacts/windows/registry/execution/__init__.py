"""What ran, or was there to run, by what Windows keeps of it."""
