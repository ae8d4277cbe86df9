"""Small inputs and their right values, one row each: the next case is one more line in a table."""
