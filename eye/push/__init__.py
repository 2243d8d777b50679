"""A case into the tools of a team that manages incidents."""
