"""Two demo shops: products as Shopify CSV files with their pictures, and `seed.py`, which imports them."""
