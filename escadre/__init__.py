"""The umbrella: the demo of the whole chain. Nothing imports it."""
