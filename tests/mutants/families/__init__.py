"""One module per kind of reader: `families(folder)` yields its families. There is no list to extend."""
