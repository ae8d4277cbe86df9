"""What staff see first: figures, what waits, and what a new shop still needs."""
