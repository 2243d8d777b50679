"""Tables beside the targets: `profiles.yaml` (which targets a profile takes), `coverage.yaml` (which target serves which kind of evidence)."""
