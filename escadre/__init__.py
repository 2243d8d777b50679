"""The umbrella command: the demo of the complete chain. No package imports it."""
