"""Moving a shop: all that it has in one file, and back into an installation, on whichever database."""
