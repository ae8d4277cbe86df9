"""The installation's own pages: who runs it makes shops, closes and opens them, and sees nothing of their customers."""
