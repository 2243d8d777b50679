"""The bundle: HUNTER, one signed plan and who may sign as one file for a host without Python. `build` makes it, `main` runs in it."""
