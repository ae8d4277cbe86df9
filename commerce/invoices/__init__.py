"""Invoices and credit notes: numbered without gap, never changed, and in their sum what an order cost."""
