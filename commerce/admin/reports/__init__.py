"""Reports of sales, stock and returns."""
