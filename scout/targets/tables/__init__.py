"""Tables beside the targets: `profiles.yaml` (the targets of a profile), `coverage.yaml` (the targets of each kind of evidence)."""
