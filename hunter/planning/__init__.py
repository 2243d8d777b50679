"""From findings to a removal plan."""
