"""Live sources of a Windows host, one module each; names that begin with `_` are shared parts.

Every module can be imported on any system; `collect()` needs Windows, 64 bits. Checked under Wine; not yet proven on real Windows.
"""
