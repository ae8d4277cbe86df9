"""What was sold, day by day: summaries kept in step with the orders, and the reports that read them."""
