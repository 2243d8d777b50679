"""One file per artefact, in folders by family. The engine finds the files by walking the folders; there is no list to extend."""
