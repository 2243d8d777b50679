"""Sigma: single-event rules read, compiled, dispatched by log source and prefiltered.

Semantics: Sigma Specification 2 (SigmaHQ, "Sigma Rules Specification", "Sigma Modifiers Specification", "Sigma Taxonomy").
"""
