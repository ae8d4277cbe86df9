"""What a shop knows of its customers beside their orders and accounts: tags, groups, notes, addresses."""
